// One place that talks to the server: language, CSRF token, errors with code and request id.
import type { ApiError, FieldProblem } from './types';

export class RequestFailed extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId: string,
    readonly fields: FieldProblem[] = [],
    readonly params: Record<string, string> = {},
  ) {
    super(message);
    this.name = 'RequestFailed';
  }
}

/** Told to the window when a write failed because the store has no room. */
export const WRITE_REFUSED = 'optria:write-refused';

let csrf = '';
export const setCsrf = (token: string): void => {
  csrf = token;
};

/** Told to the window when a request was answered with 401: which one, and why. */
export const SIGNED_OUT = 'optria:signed-out';
export interface SignedOut {
  path: string;
  error: RequestFailed;
}
/** What is answered to a session that was one; with any other code there was none. */
export const SESSION_ENDED = ['session.expired', 'session.ended'];

export type Query = Record<string, string | number | boolean | null | undefined>;
export interface Ask {
  query?: Query;
  body?: unknown;
  /** Sent as it is, with this content type, instead of JSON. */
  raw?: { body: string | Blob; type: string };
  accept?: string;
  signal?: AbortSignal;
}

export function address(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}

async function failure(response: Response): Promise<RequestFailed> {
  let body: Partial<ApiError> = {};
  try {
    body = (await response.json()) as Partial<ApiError>;
  } catch {
    // A proxy or a crash may answer with something else; the status still says what kind of failure it is.
  }
  const id = body.request_id ?? response.headers.get('x-request-id') ?? '';
  return new RequestFailed(response.status, body.code ?? `http.${response.status}`, body.message ?? '', id, body.fields, body.params);
}

export async function send(method: string, path: string, ask: Ask = {}): Promise<Response> {
  const headers: Record<string, string> = {
    Accept: ask.accept ?? 'application/json',
    'Accept-Language': document.documentElement.lang || 'ar',
  };
  if (method !== 'GET') headers['X-CSRF-Token'] = csrf;
  let body: string | Blob | undefined;
  if (ask.raw) {
    headers['Content-Type'] = ask.raw.type;
    body = ask.raw.body;
  } else if (ask.body !== undefined) {
    headers['Content-Type'] = 'application/json';
    body = JSON.stringify(ask.body);
  }
  let response: Response;
  try {
    response = await fetch(address(path, ask.query), { method, headers, body, credentials: 'same-origin', signal: ask.signal });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new RequestFailed(0, 'ui.server_unreachable', '', '');
  }
  if (!response.ok) {
    const failed = await failure(response);
    if (failed.status === 401) window.dispatchEvent(new CustomEvent<SignedOut>(SIGNED_OUT, { detail: { path, error: failed } }));
    if (failed.code === 'store.disk_full') window.dispatchEvent(new CustomEvent(WRITE_REFUSED));
    throw failed;
  }
  return response;
}

/** Whether values can be stored now. A program that closes answers 503 too; that is no full disk. */
export async function storeTakesWrites(): Promise<boolean> {
  const response = await fetch('/health/ready', { headers: { Accept: 'application/json' } });
  if (response.ok) return true;
  const body = (await response.json().catch(() => ({}))) as { status?: string };
  return body.status !== 'store_takes_no_writes';
}

export async function request<T>(method: string, path: string, ask: Ask = {}): Promise<T> {
  const response = await send(method, path, ask);
  const text = await response.text();
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** Sends a file as it is, telling the share that is on its way; the browser's `fetch` can't tell that. */
export function upload<T>(path: string, query: Query, file: Blob, progress: (share: number) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open('POST', address(path, query));
    xhr.setRequestHeader('Accept', 'application/json');
    xhr.setRequestHeader('Accept-Language', document.documentElement.lang || 'ar');
    xhr.setRequestHeader('Content-Type', 'application/octet-stream');
    xhr.setRequestHeader('X-CSRF-Token', csrf);
    xhr.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    xhr.onerror = () => reject(new RequestFailed(0, 'ui.server_unreachable', '', ''));
    xhr.onload = () => {
      if (xhr.status >= 200 && xhr.status < 300) resolve(JSON.parse(xhr.responseText) as T);
      else void failure(new Response(xhr.responseText, { status: xhr.status })).then(reject);
    };
    xhr.send(file);
  });
}
