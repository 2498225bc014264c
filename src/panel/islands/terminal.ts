// A terminal on the site: xterm draws, a WebSocket carries keys and output (src/http/terminal-socket.ts).
import type { ITheme, Terminal } from "@xterm/xterm";
import xtermStyles from "@xterm/xterm/css/xterm.css" with { type: "text" };

const protocol = "croft.terminal.v1";
const windowBytes = 256 * 1024;
const pieceBytes = 16 * 1024;

type Said =
  | { type: "started"; window: number }
  | { type: "taken"; bytes: number }
  | { type: "exit"; exitCode: number | null; reason: string | null }
  | { type: "error"; message: string };

/**
 * xterm writes its colours and sizes into <style> elements, which the pages' policy forbids, as it should. A sheet that
 * a script makes is none of those: the text goes there.
 */
const sheetInstead = (): void => {
  const make = document.createElement.bind(document);
  document.createElement = ((name: string, options?: ElementCreationOptions) => {
    if (name !== "style") return make(name, options);
    const sheet = new CSSStyleSheet();
    document.adoptedStyleSheets.push(sheet);
    const element = make("span");
    element.hidden = true;
    Object.defineProperty(element, "textContent", {
      get: () => "",
      set: (text: string) => sheet.replaceSync(text),
    });
    Object.defineProperty(element, "sheet", { get: () => sheet });
    return element;
  }) as typeof document.createElement;
};

const themeOf = (): ITheme => {
  const styles = getComputedStyle(document.documentElement);
  const token = (name: string) => styles.getPropertyValue(`--${name}`).trim();
  return {
    background: token("card"),
    foreground: token("ink"),
    cursor: token("moss"),
    cursorAccent: token("card"),
    selectionBackground: token("moss-tint"),
    selectionForeground: token("ink"),
    red: token("rust"),
    green: token("moss"),
    yellow: token("amber"),
    blue: token("sky"),
    cyan: token("sky"),
    brightRed: token("rust"),
    brightGreen: token("moss"),
    brightYellow: token("amber"),
    brightBlue: token("sky"),
    brightCyan: token("sky"),
    black: token("ink"),
    white: token("soft"),
    brightBlack: token("soft"),
    brightWhite: token("ink"),
  };
};

const root = document.getElementById("terminal");
if (root) begin(root);

function begin(root: HTMLElement): void {
  const part = <T extends HTMLElement>(name: string) => document.getElementById(`terminal-${name}`) as T;
  const [place, openButton, closeButton, screen] = [
    part<HTMLSelectElement>("place"),
    part<HTMLButtonElement>("open"),
    part<HTMLButtonElement>("close"),
    part("screen"),
  ];
  const say = (text: string) => {
    part("state").textContent = text;
  };
  root.hidden = false;
  sheetInstead();
  const styles = new CSSStyleSheet();
  styles.replaceSync(xtermStyles);
  document.adoptedStyleSheets.push(styles);

  let terminal: Terminal | null = null;
  let socket: WebSocket | null = null;

  /** As many cells as the box has room for. */
  const fit = (terminal: Terminal): void => {
    const cells = screen.querySelector<HTMLElement>(".xterm-screen");
    if (!cells || cells.clientWidth === 0) return;
    const box = getComputedStyle(screen);
    const width = screen.clientWidth - parseFloat(box.paddingLeft) - parseFloat(box.paddingRight) - 12;
    const height = screen.clientHeight - parseFloat(box.paddingTop) - parseFloat(box.paddingBottom);
    const columns = Math.floor(width / (cells.clientWidth / terminal.cols));
    const rows = Math.floor(height / (cells.clientHeight / terminal.rows));
    if (columns >= 2 && rows >= 2) terminal.resize(Math.min(columns, 500), Math.min(rows, 200));
  };

  const draw = async (): Promise<Terminal> => {
    // Only who opens one needs it: it is larger than all the rest of the panel.
    const xterm = await import("@xterm/xterm");
    const drawn = new xterm.Terminal({
      theme: themeOf(),
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--mono"),
      fontSize: 13,
      scrollback: 5000,
      // Not always: keyboards on phones don't reach it then.
      screenReaderMode: part<HTMLInputElement>("aloud").checked,
      minimumContrastRatio: 4.5,
      macOptionIsMeta: true,
    });
    screen.replaceChildren();
    screen.hidden = false;
    drawn.open(screen);
    fit(drawn);
    // Tab belongs to the shell, so that one key has to lead out (WCAG 2.1.2).
    drawn.attachCustomKeyEventHandler((event) => {
      if (event.key !== "F6") return true;
      if (event.type === "keydown") closeButton.focus();
      return false;
    });
    return drawn;
  };

  const connect = async (): Promise<void> => {
    openButton.disabled = true;
    place.disabled = true;
    closeButton.hidden = false;
    say("Opening …");
    terminal?.dispose();
    const drawn = await draw();
    terminal = drawn;
    const address = new URL(`/api/v1/sites/${root.dataset.slug}/terminal`, location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const current = new WebSocket(address, protocol);
    current.binaryType = "arraybuffer";
    socket = current;
    let ended: string | null = null;
    let opened = false;
    let room = 0;
    let waiting: Uint8Array<ArrayBuffer>[] = [];
    const tell = (message: object) => {
      if (current.readyState === WebSocket.OPEN) current.send(JSON.stringify(message));
    };
    const flush = (): void => {
      while (waiting.length > 0 && room > 0 && current.readyState === WebSocket.OPEN) {
        const piece = waiting.shift()!;
        room -= piece.length;
        current.send(piece);
      }
    };
    const type = (bytes: Uint8Array<ArrayBuffer>): void => {
      for (let at = 0; at < bytes.length; at += pieceBytes) waiting.push(bytes.slice(at, at + pieceBytes));
      flush();
    };
    drawn.onData((text) => type(new TextEncoder().encode(text)));
    drawn.onBinary((text) => type(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
    drawn.onResize(({ cols, rows }) => tell({ type: "resize", columns: cols, rows }));

    current.onopen = () => {
      opened = true;
      tell({
        type: "start",
        terminal: { columns: drawn.cols, rows: drawn.rows },
        inReplica: place.value === "replica",
        window: windowBytes,
      });
    };
    current.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (typeof data !== "string") {
        const bytes = new Uint8Array(data);
        drawn.write(bytes, () => tell({ type: "taken", bytes: bytes.length }));
        return;
      }
      const said = JSON.parse(data) as Said;
      if (said.type === "started") {
        room = said.window;
        say("Open");
        drawn.focus();
        flush();
      } else if (said.type === "taken") {
        room += said.bytes;
        flush();
      } else if (said.type === "exit")
        ended = said.reason ? `Closed: ${said.reason}.` : `Closed, exit code ${said.exitCode}.`;
      else ended = `Not opened: ${said.message}.`;
    };
    current.onclose = ({ code }) => {
      if (socket !== current) return;
      socket = null;
      waiting = [];
      drawn.options.disableStdin = true;
      drawn.options.cursorBlink = false;
      const hadFocus = screen.contains(document.activeElement) || document.activeElement === closeButton;
      openButton.disabled = false;
      openButton.textContent = "Open again";
      place.disabled = false;
      closeButton.hidden = true;
      if (hadFocus) openButton.focus();
      say(
        ended ??
          (code === 1000
            ? "Closed."
            : opened
              ? "The connection was lost, and the terminal ended with it."
              : "It could not be opened. Are you still signed in, and may you deploy this site?"),
      );
    };
  };

  openButton.addEventListener("click", () => void connect());
  closeButton.addEventListener("click", () => socket?.close(1000, "closed"));
  part<HTMLInputElement>("aloud").addEventListener("change", (event) => {
    if (terminal) terminal.options.screenReaderMode = (event.target as HTMLInputElement).checked;
  });
  new ResizeObserver(() => terminal && fit(terminal)).observe(screen);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    if (terminal) terminal.options.theme = themeOf();
  });
}
