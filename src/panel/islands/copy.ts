/** Shows the copy buttons, which are of no use without JavaScript, and makes them work. */
export const startCopying = (root: ParentNode = document): void => {
  for (const button of root.querySelectorAll<HTMLButtonElement>("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => void copy(button));
  }
};

const copy = async (button: HTMLButtonElement): Promise<void> => {
  const text = button.dataset.copy ?? "";
  const done = await navigator.clipboard?.writeText(text).then(
    () => true,
    () => false,
  );
  // Without HTTPS there is no clipboard: the text is marked, and the reader's own keys copy it.
  if (!done) getSelection()?.selectAllChildren(button.parentElement!.querySelector("code")!);
  button.textContent = done ? "Copied" : "Marked: press Ctrl C";
  setTimeout(() => (button.textContent = "Copy"), 2500);
};
