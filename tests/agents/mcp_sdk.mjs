// A client of the official SDK, inside a peer's session: lists the tool and calls it; the SDK itself checks the results
// against the schema that the server gave. One line of JSON: what came back.
//
//   node mcp_sdk.mjs <modules> <iapeer> <out>
import { createRequire } from 'node:module';
import { renameSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [modules, iapeer, out] = process.argv.slice(2);
const require = createRequire(modules + '/');
const load = path => import(pathToFileURL(require.resolve('@modelcontextprotocol/sdk/' + path)).href);
const { Client } = await load('client/index.js');
const { StdioClientTransport } = await load('client/stdio.js');

const result = {};
try {
  const client = new Client({ name: 'iapeer-test', version: '1' });
  await client.connect(new StdioClientTransport({ command: iapeer, args: ['mcp'], env: process.env }));
  const call = (args, options) => client.callTool({ name: 'send_to_peer', arguments: args }, undefined, options);
  result.server = client.getServerVersion().name;
  const { tools } = await client.listTools();
  result.tools = tools.map(tool => tool.name);
  result.strict = tools[0].inputSchema.additionalProperties === false;
  result.answer = await call({ personality: 'bob', message: 'echo $((6*7))', wait_secs: 30 });
  result.unknown = await call({ personality: 'bop', message: 'x' });
  result.wrong = await call({ personality: 'bob', text: 'x' });
  // A call that is given up while the peer is at it, and the server goes on.
  const given_up = new AbortController();
  const waiting = call({ personality: 'bob', message: 'cat', wait_secs: 300 }, { signal: given_up.signal });
  setTimeout(() => given_up.abort('enough'), 500);
  result.given_up = await waiting.then(() => 'answered', () => 'rejected');
  await client.ping();
  result.ping = true;
  await client.close();
} catch (error) {
  result.error = String(error && error.stack || error);
}
writeFileSync(out + '.new', JSON.stringify(result) + '\n');
renameSync(out + '.new', out);
