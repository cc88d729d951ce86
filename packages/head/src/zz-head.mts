import { writeFileSync } from 'node:fs';
import { startTestHead } from './testing/test-head.ts';
const head = await startTestHead();
writeFileSync('/tmp/oa/openapi.json', (await head.call('GET', '/openapi.json')).text);
writeFileSync('/tmp/oa/docs.html', (await head.call('GET', '/docs')).text);
if (process.argv[2]) { console.log(head.url, head.token); setInterval(()=>{ for (const c of head.complaints.splice(0)) console.log(c) }, 200); } else { await head.close(); process.exit(); }
