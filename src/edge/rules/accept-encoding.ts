const known = new Set(["br", "gzip", "zstd"]);

/** The content codings that a visitor accepts (RFC 9110 section 12.5.3), of those the edge knows; `*` is not used by anyone who means it. */
export const acceptedCodings = (field: string | undefined): Set<string> => {
  const accepted = new Set<string>();
  if (field === undefined) return accepted;
  for (const part of field.split(",", 20)) {
    const [name, ...parameters] = part.split(";").map((text) => text.trim().toLowerCase()) as [string];
    const refused = parameters.some((text: string) => /^q=0(?:\.0*)?$/.test(text));
    const coding = name === "x-gzip" ? "gzip" : name;
    if (known.has(coding) && !refused) accepted.add(coding);
  }
  return accepted;
};
