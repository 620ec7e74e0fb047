/** What a program does with the generated client; compiled as a test of the contract. */

import { createKeyResult, getObjective, listPeople, patchObjective, recordCheckIn } from "./generated";
import type { PersonView, Problem } from "./generated";
import { createClient } from "./generated/client";

const okr = createClient({ baseUrl: "https://okr.saomai.example", auth: "okr_…" });

/** Says what does not fit, field by field where it is about fields. */
function told(problem: Problem): string {
  const fields = problem.errors.map((field) => `${field.pointer}: ${field.message}`);
  return fields.join("; ") || problem.detail;
}

export async function report(value: string): Promise<number | null> {
  const { data, error } = await recordCheckIn({
    client: okr,
    headers: { "Idempotency-Key": "nightly-1", "Accept-Language": "vi" },
    body: { key_result_id: "external:MT-01/KR1", value, confidence: "on_track" },
  });
  if (error) throw new Error(told(error));
  const recorded: string = data.value; // an exact decimal
  console.log(recorded);
  const objective = await getObjective({ client: okr, path: { ref: "external:MT-01" } });
  return objective.data?.progress ?? null;
}

export async function everybody(): Promise<PersonView[]> {
  const people: PersonView[] = [];
  let cursor: string | null = null;
  do {
    const query: { limit: number; cursor: string | null } = { limit: 200, cursor };
    const { data, error } = await listPeople({ client: okr, query });
    if (error) throw new Error(told(error));
    people.push(...data.data);
    cursor = data.page.next_cursor;
  } while (cursor !== null);
  return people;
}

export async function edit(etag: string): Promise<string> {
  await createKeyResult({
    client: okr,
    body: { objective_id: "external:MT-01", title: "Đại lý mở mới", target_value: "60" },
  });
  const path = { ref: "external:MT-01" };
  const headers = { "If-Match": etag };
  const edited = await patchObjective({ client: okr, path, headers, body: { owner_id: null } });
  if (edited.error) return edited.error.code;
  return edited.data.title;
}

export function misuse(): void {
  // @ts-expect-error there is no such confidence
  void recordCheckIn({ client: okr, body: { key_result_id: "external:K", value: 1, confidence: "sure" } });
  // @ts-expect-error a check-in says what it is about
  void recordCheckIn({ client: okr, body: { value: "1" } });
}
