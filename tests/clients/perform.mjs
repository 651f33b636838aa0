// Do what tests/support/clients.py orders with the TypeScript client: in Node a JSON line each, or in a page by `perform`.

/** Call a method of a client, and return its result or its error as JSON. */
export async function perform(client, { url, options, credential, method, arguments: given }) {
  const [kind, ...parts] = credential ?? [];
  const one = kind && client[kind](...parts.map((part) => part ?? undefined));
  const likes = new client.LikesAdmin(url, one ? { ...options, credential: one } : options);
  try {
    const result = likes[method](...given.map((each) => each ?? undefined));
    if (result[Symbol.asyncIterator]) {
      const value = [];
      for await (const each of result) value.push(each);
      return { value };
    }
    return { value: await result };
  } catch (error) {
    if (!(error instanceof client.LikesError)) throw error;
    return { error: { ...error, name: error.name, message: error.message, cause: undefined } };
  }
}

if (globalThis.process) {
  const { createInterface } = await import("node:readline");
  const client = await import(process.argv[2]);
  for await (const line of createInterface({ input: process.stdin }))
    console.log(JSON.stringify(await perform(client, JSON.parse(line))));
}
