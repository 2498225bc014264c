/** @jsxImportSource hono/jsx */

/** DNS records to add, each part to be copied by itself as providers' forms ask for them. */
export const DnsRecords = ({ records }: { records: { type: string; name: string; value: string }[] }) => (
  <ul class="records" aria-label="Records to add">
    {records.map(({ type, name, value }) => (
      <li>
        <span class="record-type">{type}</span>
        <Part label="Name" text={name} />
        <Part label="Value" text={value} />
      </li>
    ))}
  </ul>
);

const Part = ({ label, text }: { label: string; text: string }) => (
  <span class="record-part">
    <span class="sub">{label}</span>
    <code>{text}</code>
    <button type="button" class="small" hidden data-copy={text} aria-label={`Copy ${text}`}>
      Copy
    </button>
  </span>
);
