/** The server's HTTP API, as far as these pages use it (INTERFACE.md section 3). */

export type StreamState = 'offline' | 'starting' | 'live' | 'interrupted' | 'ended';
export type Visibility = 'public' | 'private';
export type Ladder = 'auto' | 'passthrough' | string[];

export interface Publisher {
  protocol: string;
  address: string;
  codecs: string[] | string;
  width: number | null;
  height: number | null;
  fps: number | null;
  bitrate_bps: number | null;
}

export interface Rendition {
  name: string;
  codecs: string;
  width: number | null;
  height: number | null;
  bitrate_bps: number | null;
  passthrough: boolean;
}

export interface Stream {
  name: string;
  title: string;
  visibility: Visibility;
  state: StreamState;
  /** RFC 3339, when the running broadcast began. */
  started_at: string | null;
  viewers: number;
  /** Only for the operator. */
  publisher?: Publisher | null;
  renditions: Rendition[];
  urls: { watch: string; hls: string; rtmp: string | null; rtmps?: string | null; poster?: string | null };
  /** null: as the server is set. */
  ladder?: Ladder | null;
  /** Whether a second publisher takes the first one's place; null: as the server is set. */
  takeover?: boolean | null;
  /** Only in the answer of the call that made it. */
  publish_key?: string;
}

export interface StreamChanges {
  title?: string;
  visibility?: Visibility;
  ladder?: Ladder;
  record?: boolean;
  takeover?: boolean;
}

export interface Token {
  token: string;
  expires_at: string;
}

/** An error answer (RFC 9457). `status` 0 means that the server could not be reached. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly field: string | undefined;

  constructor(status: number, code: string, detail: string, field?: string) {
    super(detail);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.field = field;
  }
}

interface Problem {
  title?: string;
  detail?: string;
  code?: string;
  field?: string;
}

export class Api {
  readonly #token: string | null;
  readonly #fetch: typeof fetch;

  /** `token` is the operator's or a viewer's JWT; it only ever travels in a header. */
  constructor(token: string | null = null, fetcher: typeof fetch = (...call) => fetch(...call)) {
    this.#token = token;
    this.#fetch = fetcher;
  }

  /** All streams that this token may see, every page of the list. */
  async streams(): Promise<Stream[]> {
    const all: Stream[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page = await this.#call<{ items: Stream[]; next: string | null }>('GET', `/streams?limit=200${query}`);
      all.push(...page.items);
      cursor = page.next;
    } while (cursor !== null && all.length < 2000);
    return all;
  }

  stream(name: string): Promise<Stream> {
    return this.#call('GET', `/streams/${name}`);
  }

  /**
   * What is measured of a stream now; only for the operator. Read it with `readMeasured`. `session`: of the page's
   * own player, which the server then does not count.
   */
  statistics(name: string, session: string): Promise<unknown> {
    return this.#call('GET', `/streams/${name}/statistics?session=${session}`);
  }

  putStream(name: string, changes: StreamChanges): Promise<Stream> {
    return this.#call('PUT', `/streams/${name}`, changes);
  }

  deleteStream(name: string): Promise<void> {
    return this.#call('DELETE', `/streams/${name}`);
  }

  /** Makes a new publish key; the old one stops working at once. */
  async newKey(name: string): Promise<string> {
    const answer = await this.#call<{ publish_key: string }>('POST', `/streams/${name}/key`);
    return answer.publish_key;
  }

  kick(name: string): Promise<void> {
    return this.#call('DELETE', `/streams/${name}/publisher`);
  }

  /** A token that lets whoever holds it watch this one stream. */
  viewToken(name: string, ttl_s: number): Promise<Token> {
    return this.#call('POST', '/tokens', { subject: 'shared link', action: 'view', resource: `stream:${name}`, ttl_s });
  }

  /** Throws 401 or 403 unless the token is the operator's. */
  probeOperator(): Promise<void> {
    return this.#call('GET', '/operator');
  }

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const headers: Record<string, string> = { Accept: 'application/json' };
    if (this.#token !== null) headers['Authorization'] = `Bearer ${this.#token}`;
    const init: RequestInit = { method, headers, cache: 'no-store', signal: AbortSignal.timeout(10_000) };
    if (body !== undefined) {
      headers['Content-Type'] = 'application/json';
      init.body = JSON.stringify(body);
    }
    let response: Response;
    try {
      response = await this.#fetch(`/api/v1${path}`, init);
    } catch {
      throw new ApiError(0, 'unreachable', 'The server does not answer. Check the connection and try again.');
    }
    if (!response.ok) throw await problemOf(response);
    if (response.status === 204 || response.headers.get('Content-Length') === '0') return undefined as T;
    const text = await response.text();
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }
}

async function problemOf(response: Response): Promise<ApiError> {
  let problem: Problem = {};
  try {
    problem = (await response.json()) as Problem;
  } catch {
    // A proxy in front may answer with a page of its own.
  }
  const detail = problem.detail ?? problem.title ?? `The server answered ${response.status}.`;
  return new ApiError(response.status, problem.code ?? 'unknown', detail, problem.field);
}
