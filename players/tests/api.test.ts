import { describe, expect, it } from 'vitest';
import { Api, ApiError } from '../src/api.ts';

interface Call {
  url: string;
  init: RequestInit;
}

/** A server that answers what it is given, in order, and remembers what it was asked. */
function server(...answers: (Response | Error)[]): { calls: Call[]; fetch: typeof fetch } {
  const calls: Call[] = [];
  return {
    calls,
    fetch: async (url, init = {}) => {
      calls.push({ url: String(url), init });
      const answer = answers.shift() ?? new Error('asked too often');
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
}

const json = (body: unknown, status = 200) =>
  new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json' } });

it('lists every page', async () => {
  const { calls, fetch } = server(json({ items: [{ name: 'a' }], next: 'x y' }), json({ items: [{ name: 'b' }], next: null }));
  const streams = await new Api(null, fetch).streams();
  expect(streams.map((stream) => stream.name)).toEqual(['a', 'b']);
  expect(calls[1]!.url).toBe('/api/v1/streams?limit=200&cursor=x%20y');
});

it('sends the token in a header and nowhere else', async () => {
  const { calls, fetch } = server(json({ name: 'a' }), json({ name: 'a' }));
  await new Api('s3cret', fetch).stream('a');
  expect(new Headers(calls[0]!.init.headers).get('Authorization')).toBe('Bearer s3cret');
  expect(calls[0]!.url).not.toContain('s3cret');
  await new Api(null, fetch).stream('a');
  expect(new Headers(calls[1]!.init.headers).has('Authorization')).toBe(false);
});

it('makes a stream', async () => {
  const { calls, fetch } = server(json({ name: 'mine', publish_key: 'k' }, 201));
  const stream = await new Api('t', fetch).putStream('mine', { title: 'Mine', visibility: 'private' });
  expect(stream.publish_key).toBe('k');
  expect(calls[0]).toMatchObject({ url: '/api/v1/streams/mine', init: { method: 'PUT' } });
  expect(JSON.parse(String(calls[0]!.init.body))).toEqual({ title: 'Mine', visibility: 'private' });
});

it('takes an empty answer', async () => {
  const { fetch } = server(new Response(null, { status: 204 }));
  await expect(new Api('t', fetch).deleteStream('mine')).resolves.toBeUndefined();
});

describe('errors', () => {
  it('carry what the server says, and the field', async () => {
    const problem = { title: 'Bad field', status: 422, detail: 'A title has at most 200 characters.', code: 'invalid_field', field: 'title' };
    const { fetch } = server(json(problem, 422));
    const error = await new Api('t', fetch).putStream('mine', {}).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 422, code: 'invalid_field', field: 'title', message: problem.detail });
  });

  it('are made from a proxy’s page, too', async () => {
    const { fetch } = server(new Response('<html>Bad Gateway</html>', { status: 502 }));
    await expect(new Api(null, fetch).stream('a')).rejects.toMatchObject({ status: 502, code: 'unknown' });
  });

  it('say that nobody answers', async () => {
    const { fetch } = server(new TypeError('Failed to fetch'));
    await expect(new Api(null, fetch).stream('a')).rejects.toMatchObject({ status: 0, code: 'unreachable' });
  });
});

describe('the operator’s token', () => {
  it('is good when the server says so', async () => {
    const { calls, fetch } = server(new Response(null, { status: 204 }));
    await expect(new Api('t', fetch).probeOperator()).resolves.toBeUndefined();
    expect(calls[0]!.url).toBe('/api/v1/operator');
  });
  it('is not when the server refuses', async () => {
    const { fetch } = server(json({ code: 'unauthenticated' }, 401));
    await expect(new Api('t', fetch).probeOperator()).rejects.toMatchObject({ status: 401 });
  });
});
