/**
 * Runs `work` in a thread of its own, since `bun:sqlite` blocks the one it runs on. The function travels as text:
 * it may use nothing from around it, and imports what it needs inside. So it works in a compiled binary too, into
 * which a worker's file would have to be built as a further entry point. Input and result are cloned.
 * @throws what the work threw: message and `code` are kept
 */
export const runInThread = async <Input, Output>(
  work: (input: Input) => Promise<Output>,
  input: Input,
): Promise<Output> => {
  const body = `self.onmessage = async ({ data }) => {
    try {
      self.postMessage({ value: await (${work.toString()})(data) });
    } catch (error) {
      self.postMessage({ failure: { message: String(error.message ?? error), code: error.code } });
    }
  };`;
  const url = URL.createObjectURL(new Blob([body], { type: "text/javascript" }));
  const worker = new Worker(url);
  try {
    return await new Promise<Output>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent) => {
        if (data.failure) reject(Object.assign(new Error(data.failure.message), { code: data.failure.code }));
        else resolve(data.value as Output);
      };
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage(input);
    });
  } finally {
    worker.terminate();
    URL.revokeObjectURL(url);
  }
};
