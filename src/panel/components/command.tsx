/** @jsxImportSource hono/jsx */
/** Commands to copy, one a line. The button appears with JavaScript (islands/page.ts). */
export const Command = ({ lines, label = "Copy the commands" }: { lines: string[]; label?: string }) => (
  <div class="command">
    <pre tabindex={0} aria-label="Commands">
      <code>{lines.join("\n")}</code>
    </pre>
    <button type="button" class="small" hidden data-copy={lines.join("\n")} aria-label={label}>
      Copy
    </button>
  </div>
);
