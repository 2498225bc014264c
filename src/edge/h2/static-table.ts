import { ascii } from "../byte-classes.ts";
import { createField, type HeaderField } from "./header-field.ts";

/** RFC 7541 appendix A: names, with a value behind `=` where the entry has one. The first has index 1. */
const entries = `:authority
:method=GET
:method=POST
:path=/
:path=/index.html
:scheme=http
:scheme=https
:status=200
:status=204
:status=206
:status=304
:status=400
:status=404
:status=500
accept-charset
accept-encoding=gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`.split("\n");

/** `staticFields[index - 1]`. */
export const staticFields: readonly HeaderField[] = entries.map((entry) => {
  const [name, value = ""] = entry.split("=") as [string, string?];
  return createField(ascii(name), ascii(value));
});

/** The index of the first entry of a name. */
export const staticNames: ReadonlyMap<string, number> = new Map(
  entries.map((entry, at): [string, number] => [entry.split("=")[0]!, at + 1]).toReversed(),
);
