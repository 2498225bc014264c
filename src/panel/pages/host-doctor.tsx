/** @jsxImportSource hono/jsx */
import type { Finding } from "../../doctor/finding.ts";
import { Badge } from "../components/badge.tsx";
import { Command } from "../components/command.tsx";
import { sentence } from "../format.ts";
import type { Word } from "../words.ts";

const words: Record<Finding["state"], Word> = {
  fail: { text: "Does not hold", tone: "rust" },
  warn: { text: "Could be better", tone: "amber" },
  ok: { text: "Well", tone: "moss" },
};
const order: Finding["state"][] = ["fail", "warn", "ok"];

const program = /^(?:apt-get|chmod|chown|croft|docker|echo|fallocate|rm|ss|sysctl|systemctl|ufw) /;

/** A command is shown to be copied; anything else is a sentence, also one that begins with a command. */
export const isCommand = (mend: string): boolean => program.test(mend) && !/[,;:] /.test(mend);

/** What the host offers and lacks, what needs a person first. */
export const HostDoctor = ({ findings }: { findings: Finding[] }) => {
  const sorted = findings.toSorted((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
  return (
    <>
      <header class="page-head">
        <h1>Doctor</h1>
        <p>
          <a href="/host">Back to the host</a> · the same as <code>croft doctor</code>
        </p>
      </header>
      <section class="card" aria-label="Findings">
        <ul class="findings">
          {sorted.map(({ check, state, detail, mend }) => (
            <li>
              <div class="section-head">
                <h2>{check}</h2>
                <Badge word={words[state]} />
              </div>
              <p class="wrap">{sentence(detail)}</p>
              {mend &&
                (isCommand(mend) ? (
                  <Command lines={[mend]} />
                ) : (
                  <p class="hint wrap">{program.test(mend) ? mend : sentence(mend)}</p>
                ))}
            </li>
          ))}
        </ul>
      </section>
    </>
  );
};
