/* One call of the JSON interface, and the two ways in which it can fail. */

/** The server answered and said no; `message` is its sentence, `code` its name for it. */
export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** True if the same call may succeed later without a change by anybody. */
  get passing() {
    return this.status >= 500 || this.status === 429 || this.status === 408;
  }
}

/** No answer came: offline, a tunnel, a server being restarted. */
export class Unreachable extends Error {}

export const transient = (error) => error instanceof Unreachable || (error instanceof Refused && error.passing);

const PATIENCE_MS = 20_000;

/** Returns the parsed body, or null for an empty one. Raises Refused or Unreachable. */
export async function call(method, path, { body, headers = {} } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: { Accept: "application/json", ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch (error) {
    throw new Unreachable(`${method} ${path}: ${error.message}`);
  }
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  const { code = "refused", message = "" } = answer?.error ?? {};
  throw new Refused(response.status, code, message);
}
