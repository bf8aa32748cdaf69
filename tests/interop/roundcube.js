// A user's day with Roundcube in a browser. Reads from standard input as JSON: the address, who logs in, where
// screenshots go, and a file to send. Says as JSON what it saw.
const puppeteer = require('puppeteer-core');
const chunks = [];
process.stdin.on('data', chunk => chunks.push(chunk));
process.stdin.on('end', async () => {
    const { address, user, password, pictures, file, chromium } = JSON.parse(Buffer.concat(chunks));
    const seen = {};
    const browser = await puppeteer.launch({
        executablePath: chromium, headless: true, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--lang=en'],
    });
    const page = await browser.newPage();
    await page.setViewport({ width: 1280, height: 800 });
    page.setDefaultTimeout(30000);
    const picture = name => page.screenshot({ path: `${pictures}/roundcube-${name}.png` });
    const idle = () => page.waitForFunction(() => window.rcmail && !rcmail.busy, { polling: 50 });
    const go = async query => { await page.goto(`${address}/?${query}`, { waitUntil: 'networkidle0' }); await idle(); };
    const subjects = () => page.$$eval('#messagelist tbody tr.message td.subject a', all =>
        all.filter(one => one.offsetParent).map(one => one.textContent.trim()));
    // The row of a message as a user finds it: by its subject.
    const choose = async subject => {
        await page.waitForFunction(wanted => [...document.querySelectorAll('#messagelist tbody tr.message')]
            .some(row => row.textContent.includes(wanted)), {}, subject);
        await page.evaluate(wanted => {
            const row = [...document.querySelectorAll('#messagelist tbody tr.message')].find(one => one.textContent.includes(wanted));
            rcmail.message_list.select(row.uid);
        }, subject);
    };
    const command = async (...words) => {
        const answered = page.waitForResponse(one => one.request().method() === 'POST' && one.url().includes('_task=mail'));
        await page.evaluate((...all) => rcmail.command(...all), ...words);
        await answered;
        await idle();
    };
    try {
        await page.goto(address, { waitUntil: 'networkidle0' });
        await page.type('#rcmloginuser', user);
        await page.type('#rcmloginpwd', password);
        await Promise.all([page.waitForNavigation({ waitUntil: 'networkidle0' }), page.click('#rcmloginsubmit')]);
        await page.waitForSelector('#messagelist tbody tr.message');
        seen.list = await subjects();
        seen.folders = await page.$$eval('#mailboxlist > li > a', all => all.map(one => one.getAttribute('rel')));
        await picture('list');

        // Reading, with the attachment.
        const uid = await page.evaluate(() => [...document.querySelectorAll('#messagelist tbody tr.message')]
            .find(one => one.textContent.includes('attached')).uid);
        await go(`_task=mail&_mbox=INBOX&_uid=${uid}&_action=show`);
        await page.waitForSelector('#attachment-list a.filename');
        seen.text = await page.$eval('#messagebody', one => one.innerText);
        seen.attachment = await page.$eval('#attachment-list a.filename', async link => {
            const answer = await fetch(link.href + '&_download=1');
            const octets = new Uint8Array(await answer.arrayBuffer());
            return btoa(Array.from(octets, one => String.fromCharCode(one)).join(''));
        });
        await picture('message');

        // Flagging, moving, deleting.
        await go('_task=mail&_mbox=INBOX');
        await choose('flagged');
        await command('mark', 'flagged');
        await choose('moved');
        await command('move', 'Archive');
        await choose('deleted');
        await command('delete');
        await page.waitForFunction(() => !document.body.innerText.includes('Grüße: deleted'));
        seen.left = await subjects();

        // Searching in all of the text.
        await page.evaluate(() => { document.querySelector('#mailsearchform').value = 'searched'; });
        await page.evaluate(() => rcmail.command('search'));
        await page.waitForFunction(() => document.querySelectorAll('#messagelist tbody tr.message').length === 1);
        seen.found = await subjects();
        await picture('search');

        // Writing, with a file.
        await go('_task=mail&_action=compose&_to=bob@example.test');
        await page.waitForSelector('#compose-subject');
        await page.type('#compose-subject', 'Größe, sent from a browser');
        await page.type('#composebody', 'Hello Bob,\nschöne Grüße.\n.\n');
        await (await page.$('input[type=file]')).uploadFile(file);
        await page.waitForFunction(() => document.querySelector('#attachment-list li:not(.uploading)'));
        await idle();
        await picture('compose');
        // It goes back to the list by itself.
        await Promise.all([page.waitForNavigation({ waitUntil: 'networkidle0' }), page.click('button.send')]);
        await go('_task=mail&_mbox=Sent');
        await page.waitForSelector('#messagelist tbody tr.message');
        seen.sent = await subjects();
        await picture('sent');
        await go('_task=logout&_token=' + await page.evaluate(() => rcmail.env.request_token));
        seen.gone = await page.$('#rcmloginuser') !== null;
    } catch (error) {
        seen.error = String(error.stack);
        seen.shown = await page.evaluate(() => document.body.innerText.slice(0, 2000)).catch(() => '');
        await picture('error').catch(() => {});
    }
    await browser.close();
    process.stdout.write(JSON.stringify(seen));
});
