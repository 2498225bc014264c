/** What puts TXT records where an authority looks for them. */
export interface DnsProvider {
  /** Adds a record beside others of that name; again does nothing. @throws Error in words for people */
  present(name: string, value: string, signal: AbortSignal): Promise<void>;
  /** Takes that one record away. @throws Error in words for people */
  cleanUp(name: string, value: string, signal: AbortSignal): Promise<void>;
  /** A server that has the record as soon as it is added; null where that is unknown. */
  readonly server: { host: string; port: number } | null;
}
