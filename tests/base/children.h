/* Children of a test that asks what the system says of processes. */
#pragma once
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "iapeer/base/clock.h"
#include "iapeer/base/plat.h"

#define LONG_MS 20000 /* a deadline that no healthy machine meets */

/* A child that does nothing until it is killed. */
static inline pid_t idle_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	return pid;
}

static inline void end_child(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static inline struct proc_ref ref_of(pid_t pid)
{
	struct proc_ref ref;
	struct err e = ERR_INIT;

	if (plat_proc_ref(pid, &ref, &e) < 0)
		fail_msg("%s", e.msg);
	return ref;
}

/* Ask until the answer is that one; the deadline fails the test. */
static inline void becomes(struct proc_ref ref, enum proc_state wanted)
{
	int64_t deadline_ms = clock_mono_ms() + LONG_MS;

	while (plat_proc_state(ref) != wanted) {
		if (clock_mono_ms() > deadline_ms)
			fail_msg("process %ld never came to state %d", (long)ref.pid, (int)wanted);
		poll(NULL, 0, 2);
	}
}
