/**
 * Turns a path into the pattern it is likely to follow: `/users/123/posts/6f9619ff-…` becomes `/users/:id/posts/:id`.
 * What looks like a number, an id, a hash, a token or an e-mail address is folded, so that neither the patterns
 * are as many as the things nor anybody's name or key stands among them. A guess: for counting, never for routing.
 */
export const foldPath = (path: string): string => {
  const end = path.indexOf(";");
  const segments = path.slice(0, end < 0 ? longestRead : Math.min(end, longestRead)).split("/");
  const kept = segments.length > mostSegments ? segments.slice(0, mostSegments) : segments;
  let pattern = kept.map(foldSegment).join("/");
  if (kept !== segments) pattern += "/…";
  return pattern.length > longestPattern ? `${pattern.slice(0, longestPattern)}…` : pattern;
};

const mostSegments = 12;
const longestPattern = 160;
const longestSegment = 64;
/** What is longer is not looked into: a visitor must not choose how long this takes. */
const longestRead = 1024;
const longestGuessed = 128;

const foldSegment = (segment: string): string => {
  if (segment === "") return segment;
  if (segment.length > longestGuessed) return ":long";
  if (/^[^@]+(?:@|%40)[^@]+\.[^@]+$/i.test(segment)) return ":email";
  if (isNumber(segment) || isJwt(segment)) return ":id";
  // `app.3f2a91bc.js`, `index-BxK3a9Qz.css`, `user_10293`, `2024.jpg`: the ending and a word in front stay.
  const parts = segment.split(".");
  if (parts.length === 1) return shortened(foldPart(segment));
  const ending = parts.pop()!;
  return shortened(`${parts.map(foldPart).join(".")}.${isEnding(ending) ? ending : foldPart(ending)}`);
};

const shortened = (segment: string): string => (segment.length > longestSegment ? ":long" : segment);

const isEnding = (text: string): boolean => /^(?=.*[a-z])[a-z0-9]{1,8}$/i.test(text) && !isHash(text);

const foldPart = (part: string): string => {
  const [, word, rest] = /^([A-Z]?[a-z]{2,}[-_])(.+)$/.exec(part) ?? [];
  if (word !== undefined && (/^\d{4,}$/.test(rest!) || isUuid(rest!) || isHash(rest!) || isToken(rest!, 8)))
    return `${word}:id`;
  return isId(part) ? ":id" : part;
};

const isId = (text: string): boolean =>
  isNumber(text) || isUuid(text) || isHash(text) || isToken(text, shortestToken);

/** Also dates, coordinates, ranges. */
const isNumber = (text: string): boolean => /^[+-]?\d(?:[\d.,:_-]*\d)?$/.test(text);

const isUuid = (text: string): boolean =>
  /^\{?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\}?$/i.test(text);

/** Words of these letters alone (`facade`) are shorter than 16. */
const isHash = (text: string): boolean =>
  /^(?:0x)?[0-9a-f]{8,}$/i.test(text) && (text.length >= 16 || /\d/.test(text));

const isJwt = (text: string): boolean => /^[\w-]{16,}\.[\w-]{16,}\.[\w-]{16,}$/.test(text);

const shortestToken = 10;

/** Upper case, lower case and digits change too often for words: base64, nanoid, ULID, JWT. */
const isToken = (text: string, shortest: number): boolean => {
  if (text.length < shortest || !/^[\w~=+%-]+$/.test(text)) return false;
  let changes = 0;
  let digits = 0;
  let run = 0;
  let longestRun = 0;
  for (let i = 0; i < text.length; i++) {
    const kind = kindOf(text.charCodeAt(i));
    if (kind === 0) digits++;
    run = kind === 3 ? 0 : run + 1;
    longestRun = Math.max(longestRun, run);
    if (i > 0 && kind !== kindOf(text.charCodeAt(i - 1))) changes++;
  }
  if (longestRun >= 20 && (digits > 1 || changes > 6)) return true;
  return digits > 0 && longestRun >= 8 && changes > (text.length - 1) * 0.5;
};

/** 0 digit, 1 lower case, 2 upper case, 3 what parts words. */
const kindOf = (code: number): number =>
  code >= 0x30 && code <= 0x39 ? 0 : code >= 0x61 && code <= 0x7a ? 1 : code >= 0x41 && code <= 0x5a ? 2 : 3;
