import { type Kysely, sql } from "kysely";

const statements = [
  // Environments whose containers may not begin connections to anywhere outside.
  sql`CREATE TABLE closed_egress (
    environment_id TEXT PRIMARY KEY REFERENCES environments (id) ON DELETE CASCADE,
    since INTEGER NOT NULL
  ) STRICT`,
];

export const up = async (db: Kysely<unknown>): Promise<void> => {
  for (const statement of statements) await statement.execute(db);
};
