/** The nouns by which the document is ordered: tags, each with a line. An operationId begins with one of them. */
export const NOUNS: readonly (readonly [noun: string, line: string])[] = [
  ['instances', 'One command each, with its resources, its log and its exit code.'],
  [
    'clusters',
    'Nodes that are held together, with a queue of jobs; and what a launch would choose and has cost.',
  ],
  ['jobs', 'Executions of a task on a cluster, numbered from 1.'],
  ['requests', 'Durable waits: what was asked for, how far it is, what became of it.'],
  ['infra', 'Where machines come from.'],
  ['machines', 'Machines that were asked for, and what they cost.'],
  ['files', 'Files by content: sent once, named by their SHA-256, put together as trees that tasks name.'],
  ['workers', 'The agents that run instances, one on each machine.'],
  ['joinTokens', 'With which workers join the herd: short-lived, and good for that only.'],
  ['users', 'People and service accounts, and what they may do at most.'],
  ['projects', 'What owns objects: members, roles there, quotas.'],
  ['tokens', 'With which users call: shown once, revocable.'],
  ['audit', 'Who did what, and what was denied.'],
  ['events', 'What moves, as it moves.'],
  ['head', 'The head itself: whether it serves, what it is, what it measures, and this document.'],
];

/** The noun that an operationId begins with; the longest, when several do. Null: it begins with none. */
export function nounOf(operationId: string): string | null {
  const fitting = NOUNS.map(([noun]) => noun).filter(
    (noun) => operationId.startsWith(noun) && /^[A-Z][A-Za-z0-9]*$/.test(operationId.slice(noun.length)),
  );
  return fitting.toSorted((a, b) => b.length - a.length)[0] ?? null;
}

/** What holds for every call; a paragraph each. */
export const GENERAL = `Drover runs commands on a herd of machines. JSON in and out, in UTF-8; unknown fields are refused.

Who may: every call but \`/healthz\` and \`/readyz\` needs a token, as \`Authorization: Bearer TOKEN\`, or as the password of Basic with any user name. \`x-drover-access\` names the role that an operation needs: \`viewer\`, \`user\` or \`admin\`; each may what the one before may.

Projects: a call is for one project, the one that the header \`Drover-Project\` names, or that the token is for, or \`default\`. Lists show what it has; what belongs to another is not found (404).

Errors: every error has one body, \`ErrorBody\`, with a \`code\` that stays the same for ever; the codes that an operation can answer stand with it, and \`x-drover-errors\` lists all of them with their status, whether the same call can succeed later (\`retry\`) and who has to act. 503 and 429 carry \`Retry-After\` in seconds. Every reply carries \`Drover-Request-Id\`, which the log of the head has too.

Pages: a list that can be long answers \`{"items": [...], "nextCursor": ...}\`. Give \`nextCursor\` back as \`cursor\` for the next page; null is the end. Newest first; what is made meanwhile shifts nothing.

Long polls: with \`wait\` a reply is held until the state is there, at most \`timeoutMs\` milliseconds (60000 at most). It carries the state of then, met or not: look, and ask again.

Streams: logs are raw bytes or lines of text and end when nothing more comes; with \`follow=true\` they go on until what they follow has ended. Events are server-sent events, resumed with \`Last-Event-ID\`.

Idempotency: submits, launches and what else makes instances and requests take \`Idempotency-Key\`. The same key with the same body gives what the first call has made, so it can be sent again when its reply was lost; with another body it is refused (IDEMPOTENCY_CONFLICT).

References: \`{ref}\` is an id, a name (the newest that bears it, one that has not ended first), or the beginning of an id when only one matches.

Not part of this document: the protocols of other systems that the head also speaks (PyLet, SkyPilot), which their own documents describe, and what only workers call (\`/v1/join\`, \`/v1/link\`).`;
