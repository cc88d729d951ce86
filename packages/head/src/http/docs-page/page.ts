/** The API document as a page: HTML and one style sheet, nothing else. */
import type { ApiDocument, Operation } from '../document/json-schema.ts';
import { type Html, html, prose, rawHtml, sentence } from './html.ts';
import { operationSection } from './operation.ts';
import { STYLE } from './style.ts';
import { fieldsOf, typeOf } from './types.ts';

interface Call {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

/** @returns the whole page */
export function docsPage(document: ApiDocument): string {
  const { info, tags, components } = document;
  const calls = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, operation]): Call => ({ method: method.toUpperCase(), path, operation }),
    ),
  );
  const nouns = tags.map((tag) => ({
    ...tag,
    calls: calls.filter(({ operation }) => operation.tags.includes(tag.name)),
  }));
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Drover API</title>
<style>${rawHtml(STYLE)}</style>
</head>
<body>
<a class="skip" href="#general">Skip the contents</a>
<header><h1>Drover API</h1>
<p>Version ${info.version}. For programs: <a href="/openapi.json">openapi.json</a>, OpenAPI 3.1.</p></header>
<nav aria-label="Contents"><h2>Contents</h2>
<p><a href="#general">What holds for every call</a></p>
${nouns.map(contents)}
<p><a href="#objects">Objects</a></p><p><a href="#errors">Errors</a></p></nav>
<main>
<section id="general"><h2>What holds for every call</h2>${general(info.description)}</section>
${nouns.map(
  ({ name, description, calls: own }) => html`<section id="noun-${name}"><h2>${name}</h2><p>${description}</p>
${own.map(({ method, path, operation }) => operationSection(document, method, path, operation))}</section>`,
)}
<section id="objects"><h2>Objects</h2>
<p>In alphabetical order. A reply may have more fields than these: a newer head says more.</p>
${Object.entries(components.schemas).map(
  ([name, schema]) => html`<article id="object-${name}"><h3>${name}</h3>
${schema.description !== undefined && prose(schema.description)}
${schema.properties ? fieldsOf(schema) : html`<p>${typeOf(schema)}</p>`}</article>`,
)}</section>
<section id="errors"><h2>Errors</h2>${errorList(document)}</section>
</main>
</body>
</html>
`.text;
}

/** Paragraphs that begin with a word and a colon: what they are about. */
function general(text: string): Html {
  return html`${text.split(/\n{2,}/).map((part) => {
    const [, about, rest] = /^([A-Z][\w ]{1,40}): (.*)$/s.exec(part) ?? [];
    return about === undefined
      ? prose(part)
      : html`<p><strong>${about}:</strong> ${sentence(rest ?? '')}</p>`;
  })}`;
}

function contents({ name, calls }: { readonly name: string; readonly calls: readonly Call[] }): Html {
  return html`<details><summary><a href="#noun-${name}">${name}</a></summary><ul>${calls.map(
    ({ operation }) => html`<li><a href="#${operation.operationId}">${operation.summary}</a></li>`,
  )}</ul></details>`;
}

function errorList(document: ApiDocument): Html {
  const entries = Object.entries(document['x-drover-errors']) as [
    string,
    { status: number; retry: boolean; actor: string; message: string },
  ][];
  return html`<dl>${entries.map(
    ([code, { status, retry, actor, message }]) => html`<div id="error-${code}"><dt><code>${code}</code>
<span>${status}, ${retry ? 'the same call can succeed later' : 'trying again does not help'}; ${
      actor === 'drover' ? 'a fault of Drover' : `the ${actor} has to act`
    }</span></dt><dd>${sentence(message)}</dd></div>`,
  )}</dl>`;
}
