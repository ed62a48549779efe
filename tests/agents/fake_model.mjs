#!/usr/bin/env node
// A model that needs no network and no money: what Claude Code (Anthropic Messages) and Codex (OpenAI Responses) talk to in
// tests/agents. It answers at once, says what it heard, and does what the text that it is sent tells it to do.
//
//   node fake_model.mjs <folder>
//
// <folder>/port            written when it listens (127.0.0.1 only)
// <folder>/requests.jsonl  one line a request, written when it came in:
//     at, n, api (messages, responses, other), path, aux (a side request of the program's own: it offers no tools),
//     heard (what was new in it of the user's, at most 400 characters), ids (each id="..." in what the user said, in the whole
//     conversation, in order), said (role and first 200 characters of all that was said), tools (names), system
//     (the instructions and what the program adds to them, at most 40,000 characters), result (a tool's result that came back), reply (what it will get)
// <folder>/fail            while this file is there, its number is the HTTP status of every answer; "401 retry": and the
//                          program is told to try again
//
// Orders, in the newest text of the user's; those inside a tool's JSON are for whoever gets that JSON:
//     model:delay=MS           wait before the answer
//     model:stream=N           N words first, a tenth of a second each
//     model:http=STATUS        an HTTP error, as often as this text is the newest one
//     model:tool=NAME {JSON}   call this tool; then say what came back
//     model:say=WORD           answer with this word
import { createServer } from 'node:http';
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
if (!folder) {
	console.error('usage: fake_model.mjs <folder>');
	process.exit(2);
}
let requests = 0;
let serial = 0;
const newId = (prefix) => `${prefix}_fake${String(++serial).padStart(8, '0')}`;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const oneLine = (text, max) => text.replace(/\s+/g, ' ').trim().slice(0, max);

// ---- what is in a request ------------------------------------------------------------------------------------------
// Both APIs become one list of { role: user|assistant|tool|context, text }.

// Programs put words of their own where the user's stand: they begin with a tag or a heading. claude wraps what was pasted.
function userText(text) {
	const pasted = text.replace(/<\/?pasted_content[^>]*>\n?/g, '');
	const tag = /^\s*<([a-z_-]+)/i.exec(pasted);
	return { role: (tag && tag[1] !== 'iap') || /^\s*(# |The following tools just became|ToolSearch is no longer)/.test(pasted) ? 'context' : 'user', text: pasted.trim() };
}

function textOf(content) {
	if (typeof content === 'string') return content;
	if (!Array.isArray(content)) return content == null ? '' : JSON.stringify(content);
	return content.map((part) => part.text ?? '').join('\n');
}

function fromMessages(body) {
	const list = [];
	for (const message of body.messages ?? []) {
		const parts = typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : (message.content ?? []);
		for (const part of parts) {
			if (part.type === 'tool_result') list.push({ role: 'tool', text: textOf(part.content) });
			else if (part.type === 'tool_use') list.push({ role: 'assistant', text: `call ${part.name}` });
			else if (part.type === 'text' && message.role === 'assistant') list.push({ role: 'assistant', text: part.text });
			else if (part.type === 'text') list.push(userText(part.text));
		}
	}
	return { list, system: textOf(body.system), tools: (body.tools ?? []).map((tool) => ({ name: tool.name })) };
}

function fromResponses(body) {
	const list = [];
	for (const item of typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : (body.input ?? [])) {
		if (/_output$/.test(item.type ?? '')) list.push({ role: 'tool', text: textOf(item.output) });
		else if (/_call$/.test(item.type ?? '')) list.push({ role: 'assistant', text: `call ${item.name}` });
		else if (item.role === 'assistant') list.push({ role: 'assistant', text: textOf(item.content) });
		else if (item.role === 'user') {
			const parts = typeof item.content === 'string' ? [item.content] : (item.content ?? []).map((part) => part.text ?? '');
			for (const text of parts) list.push(userText(text));
		} else if (item.role) list.push({ role: 'context', text: textOf(item.content) });
	}
	const tools = [];
	for (const tool of body.tools ?? []) {
		for (const inner of tool.type === 'namespace' ? (tool.tools ?? []) : [tool])
			tools.push({ name: inner.name ?? inner.type, space: inner === tool ? undefined : tool.name });
	}
	return { list, system: body.instructions ?? '', tools };
}

// What came after the last word of the model's: the user's new text, or a tool's result and nothing newer.
function whatIsNew(list) {
	let from = list.length;
	while (from > 0 && list[from - 1].role !== 'assistant') from--;
	const fresh = list.slice(from);
	const texts = fresh.filter((said) => said.role === 'user').map((said) => said.text);
	const heard = texts.join('\n');
	const result = fresh.filter((said) => said.role === 'tool').map((said) => said.text).pop();
	// What a program adds without a tag of its own stands behind a message too; alone, it is asked about the message again.
	const messages = (of) => of.filter((text) => text.includes('<iap '));
	const before = list.filter((said) => said.role === 'user').map((said) => said.text);
	const newest = messages(texts).pop() ?? texts.pop() ?? (result === undefined ? messages(before).pop() : '') ?? '';
	return { heard, newest, result };
}

// ---- what to do ----------------------------------------------------------------------------------------------------

// The end of the JSON object that begins at `from`, or -1.
function objectEnd(text, from) {
	let depth = 0, quoted = false;
	for (let i = from; i < text.length; i++) {
		const c = text[i];
		if (quoted && c === '\\') i++;
		else if (c === '"') quoted = !quoted;
		else if (!quoted && c === '{') depth++;
		else if (!quoted && c === '}' && --depth === 0) return i + 1;
	}
	return -1;
}

function takeTool(text) {
	const order = /model:tool=([\w.-]+)\s*(?=\{)/.exec(text);
	if (!order) return { rest: text };
	const from = order.index + order[0].length;
	const end = objectEnd(text, from);
	let input;
	try {
		input = JSON.parse(text.slice(from, end));
	} catch {
		return { rest: text.slice(0, order.index), broken: 'that was no JSON' };
	}
	return { rest: text.slice(0, order.index) + text.slice(end), tool: { name: order[1], input } };
}

// A message's own words: the body of an envelope, else all of it.
function body(text) {
	const envelope = /<message><!\[CDATA\[([\s\S]*?)\]\]><\/message>/.exec(text);
	return envelope ? envelope[1] : text;
}

function decide({ newest, result }) {
	const failing = join(folder, 'fail');
	if (existsSync(failing)) {
		const [status, retry] = readFileSync(failing, 'utf8').split(' ');
		return { http: Number(status) || 500, retry: retry === 'retry', delay: 0, words: 0 };
	}
	if (result !== undefined && !newest.includes('<iap ')) return { say: `tool said: ${oneLine(result, 80)}`, delay: 0, words: 0 };
	const { rest, tool, broken } = takeTool(newest);
	const number = (name) => Number((new RegExp(`model:${name}=(\\d+)`).exec(rest) ?? [])[1] ?? 0);
	const word = (/model:say=(\S+?)(?=[\s\]<]|$)/.exec(rest) ?? [])[1];
	return {
		delay: number('delay'),
		words: number('stream'),
		http: number('http') || undefined,
		tool,
		say: broken ?? word ?? `heard: ${oneLine(body(newest), 60)}`,
	};
}

// Titles and the like want JSON of a given form.
function sideAnswer(request) {
	const schema = request.output_config?.format?.schema ?? request.text?.format?.schema;
	if (!schema) return 'fine';
	const value = (of) => (of.enum ? of.enum[0] : { boolean: false, number: 0, integer: 0, array: [] }[of.type] ?? 'fake');
	return JSON.stringify(Object.fromEntries(Object.entries(schema.properties ?? {}).map(([k, of]) => [k, value(of)])));
}

// ---- answers -------------------------------------------------------------------------------------------------------

const errorNames = { 400: 'invalid_request_error', 401: 'authentication_error', 403: 'permission_error', 429: 'rate_limit_error', 529: 'overloaded_error' };
const errorWords = { 401: 'invalid x-api-key', 403: 'no permission', 429: 'usage limit reached', 529: 'Overloaded' };

function sendJson(out, status, value, headers = {}) {
	out.writeHead(status, { 'content-type': 'application/json', ...headers });
	out.end(JSON.stringify(value));
}

function sendError(out, status, retry) {
	const error = { type: errorNames[status] ?? 'api_error', message: errorWords[status] ?? `status ${status}` };
	if (status === 401) error.code = 'invalid_api_key';
	sendJson(out, status, { type: 'error', error }, { 'x-should-retry': String(retry || status === 429 || status >= 500) });
}

class Events {
	constructor(out) {
		this.out = out;
		this.n = 0;
		out.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
	}
	send(type, fields) {
		this.out.write(`event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: this.n++, ...fields })}\n\n`);
	}
}

async function slowly(words, each) {
	for (let i = 1; i <= words; i++) {
		each(`word${i} `);
		await pause(100);
	}
}

async function answerMessages(request, out, plan) {
	const usage = { input_tokens: 50, output_tokens: 5, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
	const message = { id: newId('msg'), type: 'message', role: 'assistant', model: request.model, stop_sequence: null, usage };
	const reason = plan.tool ? 'tool_use' : 'end_turn';
	const block = plan.tool ? { type: 'tool_use', id: newId('toolu'), ...plan.tool } : { type: 'text', text: plan.say };
	if (!request.stream) return sendJson(out, 200, { ...message, content: [block], stop_reason: reason });

	const events = new Events(out);
	const delta = (fields) => events.send('content_block_delta', { index: 0, delta: fields });
	events.send('message_start', { message: { ...message, content: [], stop_reason: null } });
	events.send('content_block_start', { index: 0, content_block: plan.tool ? { ...block, input: {} } : { type: 'text', text: '' } });
	if (plan.tool) delta({ type: 'input_json_delta', partial_json: JSON.stringify(block.input) });
	else {
		await slowly(plan.words, (text) => delta({ type: 'text_delta', text }));
		delta({ type: 'text_delta', text: plan.say });
	}
	events.send('content_block_stop', { index: 0 });
	events.send('message_delta', { delta: { stop_reason: reason, stop_sequence: null }, usage: { output_tokens: 5 } });
	events.send('message_stop', {});
	out.end();
}

// The model names a tool of an MCP server by both: mcp__iapeer__send_to_peer is send_to_peer of the space mcp__iapeer.
function toolItem(plan, tools) {
	const wanted = plan.tool.name;
	const found = tools.find((tool) => tool.name === wanted || (tool.space && `${tool.space}__${tool.name}`.replace(/_{3,}/, '__') === wanted));
	const item = { type: 'function_call', id: newId('fc'), call_id: newId('call'), name: found?.name ?? wanted, status: 'completed' };
	return { ...item, ...(found?.space && { namespace: found.space }), arguments: JSON.stringify(plan.tool.input) };
}

async function answerResponses(request, out, plan, tools) {
	const said = Array.from({ length: plan.words }, (_, i) => `word${i + 1} `).join('') + plan.say;
	const text = () => ({ type: 'output_text', text: said, annotations: [] });
	const item = plan.tool ? toolItem(plan, tools) : { type: 'message', id: newId('msg'), role: 'assistant', status: 'completed', content: [text()] };
	const response = { id: newId('resp'), object: 'response', created_at: Math.floor(Date.now() / 1000), model: request.model };
	const usage = { input_tokens: 50, output_tokens: 5, total_tokens: 55, input_tokens_details: { cached_tokens: 0 }, output_tokens_details: { reasoning_tokens: 0 } };
	const whole = { ...response, status: 'completed', output: [item], usage };
	if (!request.stream) return sendJson(out, 200, whole);

	const events = new Events(out);
	const at = { item_id: item.id, output_index: 0 };
	events.send('response.created', { response: { ...response, status: 'in_progress', output: [] } });
	events.send('response.output_item.added', { output_index: 0, item: { ...item, status: 'in_progress', ...(plan.tool ? { arguments: '' } : { content: [] }) } });
	if (plan.tool) events.send('response.function_call_arguments.done', { ...at, arguments: item.arguments });
	else {
		const delta = (piece) => events.send('response.output_text.delta', { ...at, content_index: 0, delta: piece });
		events.send('response.content_part.added', { ...at, content_index: 0, part: { ...text(), text: '' } });
		await slowly(plan.words, delta);
		delta(plan.say);
		events.send('response.output_text.done', { ...at, content_index: 0, text: said });
		events.send('response.content_part.done', { ...at, content_index: 0, part: text() });
	}
	events.send('response.output_item.done', { output_index: 0, item });
	events.send('response.completed', { response: whole });
	out.end();
}

// ---- the server ----------------------------------------------------------------------------------------------------

const note = (line) => appendFileSync(join(folder, 'requests.jsonl'), `${JSON.stringify(line)}\n`);
const idsIn = (text) => [...text.matchAll(/<iap [^>]*\bid="([^"]*)"/g)].map((found) => found[1]);

async function model(api, path, request, out) {
	const { list, system, tools } = api === 'messages' ? fromMessages(request) : fromResponses(request);
	const fresh = whatIsNew(list);
	const aux = tools.length === 0;
	let plan = decide(fresh);
	if (aux) plan = { http: plan.http, retry: plan.retry, say: sideAnswer(request), delay: 0, words: 0 };
	note({
		at: Date.now(), n: ++requests, api, path, aux: aux || undefined, heard: fresh.heard.slice(0, 400), result: fresh.result?.slice(0, 400),
		ids: list.filter((said) => said.role !== 'assistant').flatMap((said) => idsIn(said.text)),
		said: list.map((said) => ({ role: said.role, text: said.text.slice(0, 200) })),
		tools: tools.map((tool) => (tool.space ? `${tool.space}.${tool.name}` : tool.name)), system: [system, ...list.filter((said) => said.role === 'context').map((said) => said.text)].join('\n').slice(0, 40000),
		reply: plan.http ? `http ${plan.http}` : plan.tool ? `tool ${plan.tool.name}` : plan.say,
	});
	await pause(plan.delay);
	if (out.destroyed) return;
	if (plan.http) sendError(out, plan.http, plan.retry);
	else if (api === 'messages') await answerMessages(request, out, plan);
	else await answerResponses(request, out, plan, tools);
}

async function serve(incoming, out) {
	const pieces = [];
	for await (const piece of incoming) pieces.push(piece);
	const path = incoming.url.split('?')[0];
	const api = /\/messages$/.test(path) ? 'messages' : /\/responses$/.test(path) ? 'responses' : 'other';
	if (api !== 'other' && incoming.method === 'POST')
		return model(api, path, JSON.parse(Buffer.concat(pieces).toString('utf8')), out);
	note({ at: Date.now(), n: ++requests, api: 'other', path: `${incoming.method} ${path}` });
	if (/\/count_tokens$/.test(path)) sendJson(out, 200, { input_tokens: 50 });
	else if (/\/models$/.test(path)) sendJson(out, 200, { object: 'list', data: [], models: [] });
	else sendJson(out, /^(HEAD|OPTIONS)$/.test(incoming.method) ? 200 : 404, { type: 'error', error: { type: 'not_found_error', message: path } });
}

const server = createServer((incoming, out) => {
	out.on('error', () => {});
	serve(incoming, out).catch((problem) => {
		note({ at: Date.now(), api: 'problem', path: incoming.url, reply: String(problem?.stack ?? problem) });
		out.destroy();
	});
});
server.on('upgrade', (incoming, socket) => socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'));
server.listen(0, '127.0.0.1', () => {
	const file = join(folder, 'port');
	writeFileSync(`${file}.new`, String(server.address().port));
	renameSync(`${file}.new`, file);
});
