/**
 * Keeps a scrolling log at its end while the reader is there, and offers the way back when they scrolled up.
 * @returns to be called after lines were added
 */
export const followEnd = (box: HTMLElement): (() => void) => {
  const jump = document.createElement("button");
  jump.type = "button";
  jump.className = "jump small";
  jump.textContent = "To the newest line";
  jump.hidden = true;
  box.after(jump);
  let atEnd = true;
  const toEnd = () => {
    box.scrollTop = box.scrollHeight;
  };
  box.addEventListener("scroll", () => {
    atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
    if (atEnd) jump.hidden = true;
  });
  jump.addEventListener("click", () => {
    atEnd = true;
    toEnd();
    box.focus();
  });
  toEnd();
  return () => {
    if (atEnd) toEnd();
    else jump.hidden = false;
  };
};
