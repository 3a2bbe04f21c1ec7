// What Stripe's Node client sees of stripe-sim. Prints TAP. Argument: the program. Called by tests/e2e/sim_node.t.
'use strict';
const {spawn} = require('node:child_process');
const http = require('node:http');
const Stripe = require('stripe');

const SECRET = 'whsec_node_test';
let run = 0;
let failed = 0;

function ok(passed, name, seen) {
    run += 1;
    failed += passed ? 0 : 1;
    console.log(`${passed ? '' : 'not '}ok ${run} - ${name}`);
    if (!passed && seen !== undefined) console.log(`# ${JSON.stringify(seen)}`);
}

function is(seen, wanted, name) {
    ok(seen === wanted, name, {seen, wanted});
}

// The error a promise is refused with, or null.
async function errorOf(promise) {
    try {
        await promise;
        return null;
    } catch (error) {
        return error;
    }
}

const received = []; // {header, body}
const receiver = http.createServer((req, res) => {
    const pieces = [];
    req.on('data', (piece) => pieces.push(piece));
    req.on('end', () => {
        received.push({header: req.headers['stripe-signature'], body: Buffer.concat(pieces)});
        res.end();
    });
});

let sim;
let base;

function startSim(program, webhook) {
    return new Promise((resolve, reject) => {
        sim = spawn(program, ['--listen', '127.0.0.1:0', '--seed', '5', '--webhook', webhook, '--secret', SECRET,
            '--webhook-payload', 'both'], {stdio: ['ignore', 'pipe', 'inherit']});
        sim.stdout.on('data', (text) => {
            const found = /listening on (http:\S+)/.exec(text);
            if (found) resolve(found[1]);
        });
        sim.on('error', reject);
        sim.on('exit', () => reject(new Error('the simulator ended')));
    });
}

async function control(path, body) {
    const answer = await fetch(base + path, body ? {method: 'POST', body: JSON.stringify(body)} : {});
    return answer.json();
}

async function quiet() {
    for (let i = 0; i < 1000; i += 1) {
        if ((await control('/sim/status')).deliveries.pending === 0) return;
        await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error('deliveries never end');
}

function client(options) {
    const url = new URL(base);
    return new Stripe('sk_test_node', {
        host: url.hostname, port: url.port, protocol: 'http', telemetry: false, ...options,
    });
}

async function objects(stripe) {
    const price = await stripe.prices.create({
        currency: 'usd', unit_amount: 1999, recurring: {interval: 'month'}, product_data: {name: 'Team'},
    });
    const customer = await stripe.customers.create({
        email: 'ada@example.com', metadata: {user_id: 'u_1'}, payment_method: 'pm_card_visa',
    });
    is(customer.metadata.user_id, 'u_1', 'a customer is created');
    const subscription = await stripe.subscriptions.create({
        customer: customer.id, items: [{price: price.id, quantity: 2}], expand: ['latest_invoice.payments'],
    });
    is(subscription.status, 'active', 'a subscription too');
    is(subscription.latest_invoice.payments.data[0].status, 'paid', 'expanded three levels deep');
    const read = await stripe.subscriptions.retrieve(subscription.id, {expand: ['customer', 'default_payment_method']});
    is(read.customer.email, 'ada@example.com', 'a retrieve expands');
    is(read.items.data[0].current_period_start > 0, true, 'periods are the items\'');
    const changed = await stripe.subscriptions.update(subscription.id, {metadata: {seats: '2'}, cancel_at_period_end: true});
    is(changed.cancel_at_period_end, true, 'an update');
    const session = await stripe.checkout.sessions.create({
        mode: 'payment', line_items: [{price_data: {currency: 'jpy', unit_amount: 500, product_data: {name: 'Pen'}}, quantity: 3}],
        success_url: 'https://example.com/ok',
    });
    is(session.amount_total, 1500, 'a Checkout session with price data');
    return {price, customer, subscription};
}

async function pagination(stripe) {
    for (let i = 0; i < 25; i += 1) await stripe.customers.create({email: `p${i}@example.com`});
    const seen = [];
    for await (const customer of stripe.customers.list({limit: 7})) seen.push(customer.id);
    is(seen.length, 26, 'auto-pagination walks every page');
    is(new Set(seen).size, 26, 'and none twice');
    const some = await stripe.customers.list({limit: 3}).autoPagingToArray({limit: 10});
    is(some.length, 10, 'autoPagingToArray stops at its limit');
    const events = await stripe.events.list({limit: 3, types: ['customer.created']});
    is(events.data.every((event) => event.type === 'customer.created') && events.has_more, true, 'events by types');
    const page = await stripe.v2.core.events.list({limit: 2});
    is(page.data.length === 2 && page.data[0].object === 'v2.core.event', true, 'thin events are listed');
    const thin = [];
    for await (const event of stripe.v2.core.events.list({limit: 20})) {
        thin.push(event.id);
        if (thin.length === 45) break;
    }
    is(new Set(thin).size, Math.min(thin.length, 45), 'and paged by their URLs');
}

async function idempotency(stripe) {
    const once = await stripe.customers.create({email: 'once@example.com'}, {idempotencyKey: 'node-1'});
    const again = await stripe.customers.create({email: 'once@example.com'}, {idempotencyKey: 'node-1'});
    is(again.id, once.id, 'an idempotency key gives the first answer again');
    const other = await errorOf(stripe.customers.create({email: 'other@example.com'}, {idempotencyKey: 'node-1'}));
    is(other && other.type, 'StripeIdempotencyError', 'and refuses other parameters');
}

async function errors(stripe) {
    const missing = await errorOf(stripe.customers.retrieve('cus_none'));
    is(missing && missing.code, 'resource_missing', 'what is missing is a StripeInvalidRequestError');
    is(missing && missing.statusCode, 404, 'with status 404');
    is(Boolean(missing && missing.requestId), true, 'and a request id');
    const unknown = await errorOf(stripe.customers.create({nonsense: '1'}));
    is(unknown && unknown.param, 'nonsense', 'an unknown parameter is named');
    const key = await errorOf(client({}).customers.list({}, {apiKey: 'sk_live_x'}));
    is(key && key.type, 'StripeAuthenticationError', 'a live key is refused');
}

// The client waits half a second or more before each retry.
async function retries() {
    const stripe = client({maxNetworkRetries: 2});
    await control('/sim/faults', {fault: '500', should_retry: true, endpoint: 'POST /v1/customers'});
    await control('/sim/faults', {fault: 'disconnect', endpoint: 'POST /v1/customers'});
    const before = (await control('/sim/status')).customers;
    const made = await stripe.customers.create({email: 'retried@example.com'});
    is(made.email, 'retried@example.com', 'a 500 and a cut connection are retried');
    is((await control('/sim/status')).customers, before + 1, 'and the customer is there once');
    // The answer is lost, the customer made: the client gives up, its key finds the answer again.
    const twice = ['retry@example.com', 'node-lost'];
    await control('/sim/faults', {fault: 'disconnect_amid', endpoint: 'POST /v1/customers'});
    const lost = await errorOf(client({maxNetworkRetries: 0}).customers.create({email: twice[0]}, {idempotencyKey: twice[1]}));
    is(lost && lost.type, 'StripeConnectionError', 'an answer cut off is a StripeConnectionError');
    await stripe.customers.create({email: twice[0]}, {idempotencyKey: twice[1]});
    is((await control('/sim/status')).customers, before + 2, 'and its key makes no second customer');
    await control('/sim/faults', {fault: '500', should_retry: false});
    const refused = await errorOf(stripe.customers.list());
    is(refused && refused.statusCode, 500, 'Stripe-Should-Retry: false is obeyed');
    const calm = client({maxNetworkRetries: 0});
    await control('/sim/faults', {fault: '429', reason: 'endpoint-rate'});
    const limited = await errorOf(calm.customers.list());
    is(limited && limited.type, 'StripeRateLimitError', 'a 429 is a StripeRateLimitError');
    is(limited && limited.headers['stripe-rate-limited-reason'], 'endpoint-rate', 'with its reason');
    await control('/sim/faults', {fault: 'garbled'});
    const garbled = await errorOf(calm.customers.list());
    is(garbled && garbled.type, 'StripeAPIError', 'an answer that is no JSON is a StripeAPIError');
}

async function versions(made) {
    const old = client({apiVersion: '2025-02-24.acacia'});
    const subscription = await old.subscriptions.retrieve(made.subscription.id, {expand: ['latest_invoice.charge']});
    is(subscription.current_period_end > 0, true, 'an older version has its fields');
    is(subscription.latest_invoice.charge.object, 'charge', 'and its expansions');
}

async function accounts(stripe) {
    const account = await stripe.accounts.create({type: 'standard'});
    const theirs = await stripe.customers.create({email: 'c@example.com'}, {stripeAccount: account.id});
    const mine = await errorOf(stripe.customers.retrieve(theirs.id));
    is(mine && mine.code, 'resource_missing', 'a connected account\'s customer is not the platform\'s');
    const read = await stripe.customers.retrieve(theirs.id, {}, {stripeAccount: account.id});
    is(read.id, theirs.id, 'but the account\'s own');
}

async function webhooks(stripe) {
    await quiet();
    const snapshots = received.filter(({body}) => JSON.parse(body).object === 'event');
    const thin = received.filter(({body}) => JSON.parse(body).object === 'v2.core.event');
    const events = snapshots.map(({body, header}) => stripe.webhooks.constructEvent(body, header, SECRET));
    ok(events.length > 30 && events.every((event) => event.type), 'constructEvent takes every snapshot', events.length);
    const forged = await errorOf((async () => stripe.webhooks.constructEvent(snapshots[0].body, snapshots[0].header, 'whsec_x'))());
    is(forged && forged.type, 'StripeSignatureVerificationError', 'with the right secret only');
    const changed = Buffer.from(snapshots[0].body);
    changed[10] ^= 1;
    const broken = await errorOf((async () => stripe.webhooks.constructEvent(changed, snapshots[0].header, SECRET))());
    is(broken && broken.type, 'StripeSignatureVerificationError', 'and the body unchanged');
    const mixed = await errorOf((async () => stripe.webhooks.constructEvent(thin[0].body, thin[0].header, SECRET))());
    ok(mixed !== null, 'a thin event is no snapshot');
    const notifications = thin.map(({body, header}) => stripe.parseEventNotification(body, header, SECRET));
    const paid = notifications.find((notification) => notification.type === 'v1.invoice.paid');
    ok(paid, 'parseEventNotification takes every thin event');
    const invoice = await paid.fetchRelatedObject();
    is(invoice.object, 'invoice', 'fetchRelatedObject');
    const event = await paid.fetchEvent();
    ok(events.some(({id}) => id === event.snapshot_event), 'fetchEvent names the snapshot');

    // A rotation: both secrets sign for a while.
    const endpoint = (await stripe.webhookEndpoints.list()).data[0];
    received.length = 0;
    await control(`/sim/webhook_endpoints/${endpoint.id}/rotate`, {secret: 'whsec_new', expires_in_s: 60});
    await stripe.customers.create({email: 'rotated@example.com'});
    await quiet();
    const [delivery] = received.filter(({body}) => JSON.parse(body).object === 'event');
    for (const secret of [SECRET, 'whsec_new'])
        is(stripe.webhooks.constructEvent(delivery.body, delivery.header, secret).type, 'customer.created',
            `during a rotation ${secret} verifies`);

    const destination = await stripe.v2.core.eventDestinations.create({
        name: 'd', type: 'webhook_endpoint', event_payload: 'thin', enabled_events: ['v1.invoice.paid'],
        webhook_endpoint: {url: 'http://127.0.0.1:9/'}, include: ['webhook_endpoint.signing_secret'],
    });
    ok(/^whsec_/.test(destination.webhook_endpoint.signing_secret), 'an event destination has its secret');
}

async function main() {
    await new Promise((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    base = await startSim(process.argv[2], `http://127.0.0.1:${receiver.address().port}/hooks`);
    const stripe = client({});
    const made = await objects(stripe);
    await pagination(stripe);
    await idempotency(stripe);
    await errors(stripe);
    await retries();
    await versions(made);
    await accounts(stripe);
    await webhooks(stripe);
}

main()
    .catch((error) => ok(false, `no exception: ${error.stack.split('\n').slice(0, 3).join(' ')}`))
    .finally(() => {
        if (sim) {
            sim.removeAllListeners('exit');
            sim.kill();
        }
        receiver.close();
        receiver.closeAllConnections();
        console.log(`1..${run}`);
        process.exitCode = failed ? 1 : 0;
    });
process.on('SIGTERM', () => {
    if (sim) sim.kill();
    process.exit(143);
});
