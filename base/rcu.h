// SPDX-License-Identifier: BSD-3-Clause
// Read-copy-update, over liburcu's QSBR flavour: how readers and the one
// writer, the control thread, agree when memory may die.
//
// Reader (worker): rcu_reader_register() once; then every pointer got by
// rcu_read_ptr() is good until the thread's next rcu_quiescent() or
// rcu_offline(). A reader that sleeps is offline. Reading costs nothing.
//
// Writer (control): publishes by rcu_publish_ptr() and hands what was replaced
// to rcu_retire(). It never waits: a helper thread of liburcu sees the grace
// period end and passes the object back, and rcu_reclaim(), called by the
// control loop when rcu_reclaim_fd() is readable, runs the release functions
// on the control thread. A stopped reader delays the release, not control.
//
// ThreadSanitizer does not understand liburcu; the two annotations that it
// needs are in these wrappers, so use no other entry to liburcu.
#pragma once

#include "base/compiler.h"

// Embedded in an object that is to be released after a grace period.
struct rcu_retired {
	struct rcu_retired *next;
	void (*release)(struct rcu_retired *);
	void *opaque[2]; // liburcu's call record
};

// -- reader side ------------------------------------------------------------
void rcu_reader_register(void);   // calling thread; online on return
void rcu_reader_unregister(void); // must not hold any pointer
void rcu_quiescent(void);         // "I hold no pointer now"; memory barrier
void rcu_offline(void);           // before a sleep
void rcu_online(void);            // after it

#define rcu_read_ptr(pp) __atomic_load_n(pp, __ATOMIC_ACQUIRE)

// -- writer side (control thread, itself not a registered reader) -------------
#define rcu_publish_ptr(pp, p) __atomic_store_n(pp, p, __ATOMIC_RELEASE)

// Run release(obj) on the control thread, after every reader was quiescent once.
void rcu_retire(struct rcu_retired *obj, void (*release)(struct rcu_retired *));

// Readable while released objects wait; negative errno if it could not be made.
int rcu_reclaim_fd(void);

// Run up to `max` releases (0 = all that are ready). Returns how many ran.
unsigned rcu_reclaim(unsigned max);

// Wait until everything retired is released. For tests and exit only, and only
// while every reader passes quiescent states or is offline.
void rcu_barrier_reclaim(void);
