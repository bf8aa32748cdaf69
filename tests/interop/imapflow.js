// A user's day with imapflow. Reads connection options and what to do from standard input as JSON: a list of steps
// [method, ...arguments] of the client. Says as JSON what each step gave, what was told unasked, and all lines sent.
const { ImapFlow } = require('imapflow');
const plain = (key, value) =>
    typeof value === 'bigint' ? Number(value)
        : value instanceof Map ? Object.fromEntries(value)
            : value instanceof Set ? [...value]
                : value && value.type === 'Buffer' ? { latin1: Buffer.from(value.data).toString('latin1') } : value;
const chunks = [];
process.stdin.on('data', chunk => chunks.push(chunk));
process.stdin.on('end', async () => {
    const { options, steps } = JSON.parse(Buffer.concat(chunks));
    const sent = [], told = [], gave = [];
    const note = line => line.src === 'c' && line.msg && sent.push(line.msg);
    const client = new ImapFlow({ ...options, logger: { trace() {}, debug: note, info() {}, warn() {}, error() {} } });
    for (const event of ['exists', 'expunge', 'flags']) client.on(event, data => told.push({ event, ...data }));
    const own = {
        // Everything of a FETCH as a list.
        all: async (...rest) => { const rows = []; for await (const row of client.fetch(...rest)) rows.push(row); return rows; },
        // One part of a message, decoded, as base64.
        part: async (uid, part) => {
            const { meta, content } = await client.download(uid, part, { uid: true });
            const pieces = [];
            for await (const piece of content) pieces.push(piece);
            return { filename: meta.filename, base64: Buffer.concat(pieces).toString('base64') };
        },
        // IDLE until something is told; says so on standard error first, for whoever causes it.
        wait: async event => {
            const happened = new Promise(done => client.once(event, done));
            const idling = client.idle();
            process.stderr.write('idling\n');
            await happened;
            client.noop();
            await idling;
        },
        mailbox: async () => client.mailbox,
    };
    try {
        await client.connect();
        for (const [method, ...rest] of steps) gave.push(await (own[method] || client[method].bind(client))(...rest) ?? null);
        await client.logout();
        console.log(JSON.stringify({ gave, told, sent, enabled: client.enabled }, plain));
    } catch (error) {
        console.log(JSON.stringify({ error: String(error), text: error.responseText, failed: error.authenticationFailed, gave, sent }, plain));
        client.close();
    }
});
