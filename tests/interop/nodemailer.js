// Sends one message by nodemailer. Reads its options and the message from standard input as JSON; says what the
// server answered, as JSON.
const nodemailer = require('nodemailer');
const chunks = [];
process.stdin.on('data', chunk => chunks.push(chunk));
process.stdin.on('end', async () => {
    const { transport, message } = JSON.parse(Buffer.concat(chunks));
    const transporter = nodemailer.createTransport(transport);
    const answers = [];
    for (const one of [].concat(message)) {
        try {
            const sent = await transporter.sendMail(one);
            answers.push({ accepted: sent.accepted, rejected: sent.rejected, response: sent.response });
        } catch (error) {
            answers.push({ error: error.code, response: error.response, command: error.command });
        }
    }
    transporter.close();
    console.log(JSON.stringify(answers));
});
