/*
 * The turn protocol as a model for Spin: one customer, NW workers, a queue in Redis, a row in Postgres, and Stripe
 * as a version counter. docs/queue.md, "What the model says". tests/model/run checks one configuration.
 *
 *   S1  snapshots reach the ledger in the order in which Stripe held them: it never shows something older again
 *   S2  when nothing is left to do, the ledger shows Stripe's last version: no update is lost
 *
 * What strikes: a worker dies at any step, a commit whose answer is lost, a pause (any interleaving), a lease that
 * ends while its holder lives, a lock session that is lost, a webhook sent twice, and, when asked for, Postgres going
 * back to an older state or Redis losing what it held.
 *
 * Without flags: the protocol as it is. Each flag takes one rule away, so that Spin shows why it is there:
 *   GT         the fence compares "my claim is later than the last applied", not "my claim is the current one"
 *   NOFENCE    no fence: trust the lock
 *   NOLOCK     no advisory lock: trust lease and fence
 *   REENTRANT  all turns share one Postgres session, in which the lock excludes nobody
 *   LATEMARK   note which entries to delete after the reads instead of at the take
 *   EARLYACK   delete the entries before the ledger has them
 *   SPLITFIN   "anything left?" and "forget the customer" are two steps
 *   SPLITADD   "make ready" and "append" are two steps
 *   PGLOSS     Postgres comes back once from an older state (a lagging replica is promoted)
 *   RLOSS      Redis loses, once, everything that waits
 *   SWEEP      backfill and reconciliation may queue the customer when ledger and Stripe differ
 */
#ifndef NW
#define NW 2  /* workers */
#endif
#ifndef EV
#define EV 3  /* changes in Stripe */
#endif
#ifndef F
#define F 2   /* how often each of crash, lost lock session, lease over too early may strike */
#endif
#define SWEEPS 4

/* The world. */
byte stripe;                  /* version that Stripe holds */
byte wire, sent_twice;        /* webhooks under way; how many were duplicated */

/* The queue: entries are numbered, those up to `acked` are deleted. */
byte head, acked;
bool ready;                   /* the customer is ready or leased, that is: not forgotten */
byte lease;                   /* the worker that holds it, 0 none */

/* Postgres. */
byte lock_holder;             /* of the advisory lock, 0 none */
byte claim, applied, ledger;  /* current claim, the last one used, the version shown */
byte old_claim, old_applied, old_ledger; /* what a lagging replica shows */

byte crashes, sessions_lost, leases_over, pg_loss, redis_loss, sweeps;

#define SETTLED (lease == 0 && stripe == EV && wire == 0)

inline enqueue()
{
    head++;
    ready = true
}

/* Delete the entries up to mark; stand in line again if more came, else be forgotten. */
inline finish(mark)
{
    if
    :: mark > acked -> acked = mark
    :: else
    fi;
    ready = acked < head
}

active proctype Stripe()
{
    do
    :: atomic { stripe < EV -> stripe++; wire++ }
    :: atomic { wire > 0 && sent_twice < 1 -> sent_twice++; wire++ }
    :: atomic { stripe == EV && wire == 0 -> break }
    od
}

active proctype Ingest()
{
    do
#ifdef SPLITADD
    :: wire > 0 -> ready = true; atomic { head++; wire-- }
#else
    :: atomic { wire > 0 -> enqueue(); wire-- }
#endif
    :: atomic { stripe == EV && wire == 0 -> break }
    od
}

active proctype Fate()
{
end:
    do
    :: atomic { lease != 0 && leases_over < F -> leases_over++; lease = 0 }             /* its holder may live */
    :: atomic { lock_holder != 0 && sessions_lost < F -> sessions_lost++; lock_holder = 0 } /* unknown to the holder */
    :: atomic { timeout && lease != 0 -> lease = 0 }                                    /* its holder is dead */
#ifdef PGLOSS
    :: atomic { pg_loss == 0 -> old_claim = claim; old_applied = applied; old_ledger = ledger; pg_loss = 1 }
    :: atomic { pg_loss == 1 -> claim = old_claim; applied = old_applied; ledger = old_ledger;
                lock_holder = 0; pg_loss = 2 }
#endif
#ifdef RLOSS
    :: atomic { redis_loss == 0 && head > acked -> acked = head; ready = false; redis_loss = 1 }
#endif
#ifdef SWEEP
    :: atomic { timeout && ledger != stripe && !ready && sweeps < SWEEPS -> sweeps++; enqueue() }
#endif
    od
}

#define MAY_DIE if :: skip :: atomic { crashes < F -> crashes++; goto dead } fi

active [NW] proctype Worker()
{
    byte me = _pid - 2;  /* 1.. : three processes come before */
    byte my_claim, mark, seen;
    bool committed;

turn:
    my_claim = 0; mark = 0; seen = 0; committed = false;
end:
    atomic { ready && lease == 0 -> lease = me; mark = head }                           /* take */
    MAY_DIE;

#ifndef NOLOCK
#ifdef REENTRANT
    lock_holder = me;
#else
    if                                                                                  /* lock */
    :: atomic { lock_holder == 0 -> lock_holder = me }
    :: atomic { lock_holder != 0 ->
                if :: lease == me -> lease = 0 :: else fi;                              /* come back later */
                goto turn }
    fi;
#endif
    MAY_DIE;
#endif

    atomic { claim++; my_claim = claim }                                                /* claim */
    seen = stripe;                                                                      /* fetch */
#ifdef LATEMARK
    mark = head;
#endif
    MAY_DIE;

#ifdef EARLYACK
    atomic { finish(mark) };
#endif

    atomic {                                                                            /* apply */
        if
#if defined(NOFENCE)
        :: true ->
#elif defined(GT)
        :: my_claim > applied ->
#else
        :: my_claim == claim && applied < my_claim ->
#endif
           assert(seen >= ledger || pg_loss == 2);                                      /* S1 */
           ledger = seen; applied = my_claim; committed = true
        :: else                                                                         /* fenced */
        fi
    }
    MAY_DIE;                                                      /* also: committed, but the answer was lost */

#ifndef EARLYACK
    if                                                                                  /* ack */
#ifdef SPLITFIN
    :: committed && lease == me ->
       if :: mark > acked -> acked = mark :: else fi;
       if :: acked == head -> ready = false :: else fi
#else
    :: atomic { committed && lease == me -> finish(mark); lease = 0 }
#endif
    :: atomic { !committed || lease != me -> skip }
    fi;
#endif
    MAY_DIE;
    atomic {                                                                            /* unlock */
        if :: lock_holder == me -> lock_holder = 0 :: else fi;
        if :: lease == me -> lease = 0 :: else fi
    }
    goto turn;

dead:
    atomic { if :: lock_holder == me -> lock_holder = 0 :: else fi };  /* with its session; its lease stays */
    goto turn
}

active proctype Judge()
{
end:
#ifdef SWEEP
    atomic { timeout && SETTLED && (ledger == stripe || ready || sweeps == SWEEPS) -> assert(ledger == stripe) } /* S2 */
#else
    atomic { timeout && SETTLED -> assert(ledger == stripe) }                           /* S2 */
#endif
}
