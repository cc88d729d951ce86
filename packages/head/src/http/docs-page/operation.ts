/** One call on the page. */
import type { ApiDocument, Operation, Parameter } from '../document/json-schema.ts';
import { curlOf } from './curl.ts';
import { type Html, html, prose, sentence } from './html.ts';
import { fieldOf, fieldsOf, refOf, typeOf } from './types.ts';

const WHO: Readonly<Record<string, string>> = {
  none: 'Anyone: no token is needed.',
  viewer: 'Viewers, users and admins.',
  user: 'Users and admins.',
  admin: 'Admins only.',
};

export function operationSection(
  { components }: ApiDocument,
  method: string,
  path: string,
  operation: Operation,
): Html {
  const { operationId, summary, description, parameters = [], responses } = operation;
  const access = operation['x-drover-access'];
  return html`<article id="${operationId}">
<h3><code class="call"><b>${method}</b> ${breakable(path)}</code></h3>
<p><strong>${summary}.</strong> <a class="anchor" href="#${operationId}">${operationId}</a></p>
${description !== undefined && prose(description)}
<p class="who">Who may: ${WHO[access] ?? access}</p>
${parametersOf('Path', parameters, 'path')}
${parametersOf('Query', parameters, 'query')}
${parametersOf('Headers', parameters, 'header')}
${bodyOf(components.schemas, operation)}
<h4>Replies</h4>
<dl>${Object.entries(responses)
    .filter(([, reply]) => !reply['x-drover-codes'])
    .map(([status, reply]) => replyOf(status, reply))}</dl>
<h4>Errors</h4>
<p class="errors">${Object.entries(responses).flatMap(([status, reply]) =>
    (reply['x-drover-codes'] ?? []).map((code) => html`<a href="#error-${code}">${status} ${code}</a> `),
  )}</p>
<h4>Example</h4>
<pre tabindex="0"><code>${curlOf(components.schemas, method, path, operation)}</code></pre>
</article>`;
}

/** A path may be broken before each slash: it has no space. */
const breakable = (path: string): Html => html`${path.split(/(?=\/)/).map((part) => html`<wbr>${part}`)}`;

function parametersOf(title: string, all: readonly Parameter[], place: Parameter['in']): Html {
  const here = all.filter((parameter) => parameter.in === place);
  if (here.length === 0) return html``;
  return html`<h4>${title}</h4><dl>${here.map(({ name, required, description, schema }) =>
    fieldOf(name, description === undefined ? schema : { ...schema, description }, required),
  )}</dl>`;
}

function bodyOf(schemas: ApiDocument['components']['schemas'], { requestBody }: Operation): Html {
  if (!requestBody) return html``;
  return html`${Object.entries(requestBody.content).map(([type, { schema }]) => {
    const name = refOf(schema);
    const object = name === null ? schema : schemas[name];
    return html`<h4>Body</h4>
<p><code>${type}</code>: ${typeOf(schema)}${!requestBody.required && ', may be left out'}</p>
${object && fieldsOf(object)}`;
  })}`;
}

function replyOf(
  status: string,
  { description, headers = {}, content = {} }: Operation['responses'][string],
): Html {
  const own = Object.entries(headers).filter(([, header]) => 'description' in header);
  return html`<div><dt><code>${status}</code> <span>${Object.entries(content).map(([type, { schema }]) =>
    type === 'application/json' ? typeOf(schema) : html`<code>${type}</code>`,
  )}</span></dt><dd>${sentence(description)}${
    own.length > 0 &&
    html`<dl>${own.map(
      ([name, header]) =>
        html`<div><dt><code>${name}</code> <span>header</span></dt><dd>${sentence(
          String((header as { description: unknown }).description),
        )}</dd></div>`,
    )}</dl>`
  }</dd></div>`;
}
