#include "iapeer/delivery/origin.h"

#include <string.h>
#include <unistd.h>

#include "world.h"

#include "iapeer/base/lock.h"

#include "iapeer/base/banned.h"

#define ME     900
#define SHELL  800
#define SERVER 700 /* a person's own tmux, or a terminal */
#define USERD  600 /* systemd --user */
#define KEEPER 500

/* Births are pids here: who has the greater pid was born later. */
static struct ancestry line(const pid_t *pids, size_t n, pid_t top_ppid)
{
	struct ancestry a = {.n = n};

	for (size_t i = 0; i < n; i++) {
		a.v[i].ref = (struct proc_ref){.pid = pids[i], .birth = (uint64_t)pids[i]};
		a.v[i].ppid = i + 1 < n ? pids[i + 1] : top_ppid;
		a.v[i].adopts = pids[i] == USERD;
	}
	return a;
}
#define LINE(top_ppid, ...)                                                                        \
	line((const pid_t[]){__VA_ARGS__}, sizeof((pid_t[]){__VA_ARGS__}) / sizeof(pid_t), top_ppid)

static const struct keepers none = {.above = 0};
static const struct keepers first = {
    .now = {.pid = KEEPER, .birth = KEEPER}, .above = 1, .loose_since = KEEPER, .adopts = true};
static const struct keepers second = {.now = {.pid = KEEPER + 50, .birth = KEEPER + 50},
				      .above = 1,
				      .loose_since = KEEPER,
				      .adopts = true};
static const struct keepers gone = {.loose_since = KEEPER, .adopts = true};

static void below_a_keeper_is_a_stray(void **state)
{
	struct ancestry a = LINE(1, ME, SHELL, KEEPER);
	struct ancestry alone = LINE(KEEPER, ME);

	(void)state;
	assert_int_equal(origin_of(&a, &first), ORIGIN_STRAY);
	alone.n = 2;
	alone.v[1].ref = first.now;
	alone.v[1].ppid = 1;
	assert_int_equal(origin_of(&alone, &first), ORIGIN_STRAY);
}

static void who_hides_below_more_than_can_be_looked_at_is_a_stray(void **state)
{
	struct ancestry a = LINE(1, ME, SHELL);

	(void)state;
	a.deeper = true;
	assert_int_equal(origin_of(&a, &none), ORIGIN_STRAY);
}

static void a_person_is_outside_while_the_first_keeper_lives(void **state)
{
	struct ancestry tmux = LINE(1, ME, SHELL, SERVER);
	struct ancestry timer = LINE(1, ME, USERD);

	(void)state;
	assert_int_equal(origin_of(&tmux, &none), ORIGIN_OUTSIDE);
	assert_int_equal(origin_of(&tmux, &first), ORIGIN_OUTSIDE);
	assert_int_equal(origin_of(&timer, &first), ORIGIN_OUTSIDE);
}

static void after_a_keeper_that_left_something_only_what_is_older_is_outside(void **state)
{
	struct ancestry orphan = LINE(1, ME);
	struct ancestry tmux = LINE(1, ME, SHELL, SERVER);
	struct ancestry sshd = LINE(1, ME, SHELL, 400);

	(void)state;
	assert_int_equal(origin_of(&orphan, &gone), ORIGIN_UNKNOWN);
	assert_int_equal(origin_of(&orphan, &second), ORIGIN_UNKNOWN);
	assert_int_equal(origin_of(&tmux, &second), ORIGIN_UNKNOWN);
	assert_int_equal(origin_of(&sshd, &second), ORIGIN_OUTSIDE);
}

static void a_service_manager_adopts_as_init_does(void **state)
{
	struct ancestry orphan = LINE(1, ME, USERD, 2);
	struct ancestry terminal = LINE(1, ME, SHELL, 300, USERD);

	(void)state;
	assert_int_equal(origin_of(&orphan, &gone), ORIGIN_UNKNOWN);
	assert_int_equal(origin_of(&terminal, &gone), ORIGIN_OUTSIDE);
}

static void whoever_adopted_the_keeper_adopts_its_strays(void **state)
{
	struct keepers k = second;
	struct ancestry orphan = LINE(1, ME, 77, 2);

	(void)state;
	assert_int_equal(origin_of(&orphan, &k), ORIGIN_OUTSIDE);
	k.above = 77;
	assert_int_equal(origin_of(&orphan, &k), ORIGIN_UNKNOWN);
}

static void from_outside_of_the_container_is_outside(void **state)
{
	struct ancestry entered = LINE(0, ME, SHELL);

	(void)state;
	assert_int_equal(origin_of(&entered, &gone), ORIGIN_OUTSIDE);
}

static void a_keeper_that_is_init_says_nothing(void **state)
{
	struct keepers k = {.now = {.pid = 1, .birth = 1}, .loose_since = 1, .adopts = true};
	struct ancestry tmux = LINE(1, ME, SHELL, SERVER);

	(void)state;
	assert_int_equal(origin_of(&tmux, &k), ORIGIN_UNKNOWN);
}

static void where_keepers_adopt_nobody_only_age_counts(void **state)
{
	struct keepers k = first;
	struct ancestry a = LINE(1, ME, SHELL, SERVER);

	(void)state;
	k.adopts = false;
	assert_int_equal(origin_of(&a, &k), ORIGIN_UNKNOWN);
}

static void a_keeper_is_remembered_until_it_leaves_clean(void **state)
{
	struct world *w = *state;
	struct keepers k;
	struct proc_ref self;
	const uint64_t loose = 1;

	OK(plat_proc_ref(getpid(), &self, e));
	keepers_look(&w->l, &k);
	assert_true(k.loose_since == 0 && k.now.pid == 0);
	origin_keeper_begins(&w->l, true);
	keepers_look(&w->l, &k);
	assert_true(k.loose_since == self.birth && k.adopts);
	origin_keeper_ends(&w->l, false);
	keepers_look(&w->l, &k);
	assert_true(k.loose_since == self.birth);
	origin_keeper_ends(&w->l, true);
	keepers_look(&w->l, &k);
	assert_true(k.loose_since == 0);

	/* An older one let something loose: neither replaced nor forgotten by us. */
	AUTO(buf_done) struct buf b = BUF_INIT(CAP_LINE);
	char boot[64];
	OK(plat_boot_id(boot, e));
	buf_fmt(&b, "%s 1 adopts\n", boot);
	world_write(w, ROOT_REL(LAYOUT_STRAYS), buf_cstr(&b));
	origin_keeper_begins(&w->l, true);
	origin_keeper_ends(&w->l, true);
	keepers_look(&w->l, &k);
	assert_true(k.loose_since == loose);

	/* Of another boot, or unreadable: none. */
	world_write(w, ROOT_REL(LAYOUT_STRAYS), "another-boot 1 adopts\n");
	keepers_look(&w->l, &k);
	assert_true(k.loose_since == 0);
	world_write(w, ROOT_REL(LAYOUT_STRAYS), "\n");
	keepers_look(&w->l, &k);
	assert_true(k.loose_since == 0);
}

static void our_own_ancestry_begins_with_us_and_our_parent(void **state)
{
	struct ancestry a;
	struct proc_ref parent, stranger = {.pid = getppid(), .birth = 0};

	(void)state;
	ancestry_look(&a);
	assert_true(a.n >= 2 && a.v[0].ref.pid == getpid());
	OK(plat_proc_ref(getppid(), &parent, e));
	assert_int_equal(ancestry_distance(&a, &parent), 1);
	assert_int_equal(ancestry_distance(&a, &stranger), a.n);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(below_a_keeper_is_a_stray),
	    TEST(who_hides_below_more_than_can_be_looked_at_is_a_stray),
	    TEST(a_person_is_outside_while_the_first_keeper_lives),
	    TEST(after_a_keeper_that_left_something_only_what_is_older_is_outside),
	    TEST(a_service_manager_adopts_as_init_does),
	    TEST(whoever_adopted_the_keeper_adopts_its_strays),
	    TEST(from_outside_of_the_container_is_outside),
	    TEST(a_keeper_that_is_init_says_nothing),
	    TEST(where_keepers_adopt_nobody_only_age_counts),
	    TEST(a_keeper_is_remembered_until_it_leaves_clean),
	    TEST(our_own_ancestry_begins_with_us_and_our_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
