import type { MiddlewareHandler } from "hono";

// Nothing inline and nothing from elsewhere. Island data travels in data- attributes, so no script block is needed.
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Puts the headers on a response; one that it has already stays. */
export const setSecurityHeaders = ({ headers }: Response): void => {
  const set = (name: string, value: string) => {
    if (!headers.has(name)) headers.set(name, value);
  };
  set("Content-Security-Policy", policy);
  set("X-Content-Type-Options", "nosniff");
  set("X-Frame-Options", "DENY");
  set("Referrer-Policy", "same-origin");
  set("Cross-Origin-Opener-Policy", "same-origin");
  set("Cross-Origin-Resource-Policy", "same-origin");
  set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()");
  set("Cache-Control", "no-store");
};

/** Security headers for pages and assets. */
export const securityHeaders: MiddlewareHandler = async (c, next) => {
  await next();
  setSecurityHeaders(c.res);
};
