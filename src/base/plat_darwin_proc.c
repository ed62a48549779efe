/* The half of plat.h on macOS that asks the kernel about processes and the machine. */
#include <errno.h>
#include <libproc.h>
#include <mach/mach.h>
#include <mach/mach_host.h>
#include <malloc/malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/proc.h>
#include <sys/proc_info.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "iapeer/base/mem.h"
#include "iapeer/base/plat.h"
#include "iapeer/base/str.h"

#include "iapeer/base/banned.h"

/* The kernel tells of an exit (NOTE_EXIT) well before it calls the process a zombie, and has no
 * more to tell to whoever asks in between. From P_WEXIT on it runs no instruction of its own, and
 * its status is there. */
static enum proc_state state_of(const struct extern_proc *p)
{
	if (p->p_stat == SZOMB || (p->p_flag & P_WEXIT))
		return PROC_ZOMBIE;
	return p->p_stat == SSTOP ? PROC_STOPPED : PROC_RUNNING;
}

/* Memory, and whether it waits: told only for processes of our own user. A thread's state is not in
 * the table of processes here, where everything alive counts as running. */
static void add_task(pid_t pid, struct proc_info *out)
{
	struct proc_taskinfo task;

	if (proc_pidinfo(pid, PROC_PIDTASKINFO, 0, &task, sizeof(task)) != (int)sizeof(task))
		return;
	out->rss_bytes = (int64_t)task.pti_resident_size;
	out->sleeping = out->state == PROC_RUNNING && task.pti_numrunning == 0;
}

int plat_proc_info(pid_t pid, struct proc_info *out, struct err *e)
{
	/* sysctl, not proc_pidinfo: it answers for every user's processes and for zombies. */
	int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, pid};
	struct kinfo_proc kp;
	size_t len = sizeof(kp);
	const struct timeval *start = &kp.kp_proc.p_starttime;

	memset(&kp, 0, sizeof(kp));
	*out = (struct proc_info){.state = PROC_GONE, .exit_status = -1};
	if (sysctl(name, sizeof(name) / sizeof(name[0]), &kp, &len, NULL, 0) < 0) {
		if (errno == ESRCH)
			return 0;
		return err_set(e, ERR_FAILED, errno, "look at process %ld", (long)pid);
	}
	if (len < sizeof(kp) || kp.kp_proc.p_pid != pid)
		return 0;
	out->state = state_of(&kp.kp_proc);
	out->birth = (uint64_t)start->tv_sec * 1000000 + (uint64_t)start->tv_usec;
	out->ppid = kp.kp_eproc.e_ppid;
	out->pgid = kp.kp_eproc.e_pgid;
	out->tty_pgid = kp.kp_eproc.e_tpgid;
	if (out->state == PROC_ZOMBIE)
		out->exit_status = kp.kp_proc.p_xstat;
	str_cut(out->name, sizeof(out->name), kp.kp_proc.p_comm);
	add_task(pid, out);
	return 0;
}

int plat_proc_info_again(pid_t pid, int *fd, struct proc_info *out, struct err *e)
{
	(void)fd; /* there is nothing to be found first */
	return plat_proc_info(pid, out, e);
}

int plat_pids(pid_t **out, size_t *out_n, struct err *e)
{
	int n = proc_listallpids(NULL, 0);
	size_t room;
	pid_t *pids;

	if (n <= 0)
		return err_set(e, ERR_FAILED, errno, "list the processes");
	room = (size_t)n + 64; /* some more may start meanwhile */
	pids = xcalloc(room, sizeof(*pids));
	n = proc_listallpids(pids, (int)(room * sizeof(*pids)));
	if (n <= 0) {
		err_set(e, ERR_FAILED, errno, "list the processes");
		free(pids);
		return -1;
	}
	*out = pids;
	*out_n = (size_t)n;
	return 0;
}

size_t plat_children(pid_t pid, pid_t *out, size_t room)
{
	int n = room ? proc_listchildpids(pid, out, (int)(room * sizeof(*out))) : 0;

	return n > 0 ? (size_t)n : 0;
}

/* The kernel's copy: the number of words, the program's path, some NULs, the words, the
 * environment.
 */
bool plat_proc_words(pid_t pid, struct buf *args, struct buf *env)
{
	int name[] = {CTL_KERN, KERN_PROCARGS2, pid}, n_words = 0;
	size_t len = CAP_STATE, at = sizeof(n_words);
	auto_free char *text = xmalloc(len);

	if (sysctl(name, sizeof(name) / sizeof(name[0]), text, &len, NULL, 0) < 0 ||
	    len <= sizeof(n_words))
		return false;
	memcpy(&n_words, text, sizeof(n_words));
	at += strnlen(text + at, len - at);
	while (at < len && text[at] == '\0')
		at++;
	for (; at < len; at++) {
		size_t n = strnlen(text + at, len - at);

		if (n == 0 && n_words <= 0)
			break; /* behind the environment */
		buf_add(n_words > 0 ? args : env, text + at, n);
		buf_add(n_words > 0 ? args : env, "", 1);
		n_words--;
		at += n;
	}
	return !args->failed && !env->failed;
}

int plat_boot_id(char out[static 64], struct err *e)
{
	size_t len = 64;

	memset(out, 0, 64);
	if (sysctlbyname("kern.bootsessionuuid", out, &len, NULL, 0) < 0)
		return err_set(e, ERR_FAILED, errno, "read the boot id");
	out[63] = '\0';
	return 0;
}

/* ---- memory ---- */

static bool vm_numbers(vm_statistics64_data_t *out)
{
	mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
	mach_port_t host = mach_host_self();
	kern_return_t rc = host_statistics64(host, HOST_VM_INFO64, (host_info64_t)out, &count);

	mach_port_deallocate(mach_task_self(), host);
	return rc == KERN_SUCCESS;
}

int plat_mem_info(struct mem_info *out, struct err *e)
{
	vm_statistics64_data_t vm;
	struct xsw_usage swap;
	uint64_t total = 0;
	size_t len = sizeof(total), swap_len = sizeof(swap);

	if (sysctlbyname("hw.memsize", &total, &len, NULL, 0) < 0)
		return err_set(e, ERR_FAILED, errno, "read the size of memory");
	*out = (struct mem_info){
	    .total = (int64_t)total, .available = -1, .swap_total = -1, .swap_free = -1};
	if (vm_numbers(&vm)) /* inactive pages are given out without swapping, as in Linux's
				MemAvailable */
		out->available =
		    ((int64_t)vm.free_count + (int64_t)vm.inactive_count) * sysconf(_SC_PAGESIZE);
	if (sysctlbyname("vm.swapusage", &swap, &swap_len, NULL, 0) == 0) {
		out->swap_total = (int64_t)swap.xsu_total;
		out->swap_free = (int64_t)swap.xsu_avail;
	}
	return 0;
}

/* ---- evidence ---- */

static void add_int(struct buf *out, const char *title, const char *name)
{
	int value = 0;
	size_t len = sizeof(value);

	if (sysctlbyname(name, &value, &len, NULL, 0) < 0 || len != sizeof(value))
		buf_fmt(out, "%s: missing (%s: %s)\n", title, name, strerror(errno));
	else
		buf_fmt(out, "%s: %d\n", title, value);
}

static void add_memory(struct buf *out)
{
	vm_statistics64_data_t vm;
	struct mem_info mem;
	struct err e;

	if (plat_mem_info(&mem, &e) < 0)
		buf_fmt(out, "memory: missing (%s)\n", e.msg);
	else
		buf_fmt(out, "memory: total=%lld available=%lld swap_total=%lld swap_free=%lld\n",
			(long long)mem.total, (long long)mem.available, (long long)mem.swap_total,
			(long long)mem.swap_free);
	if (vm_numbers(&vm))
		buf_fmt(out,
			"memory.pages: free=%llu active=%llu inactive=%llu wired=%llu "
			"compressor=%llu\n",
			(unsigned long long)vm.free_count, (unsigned long long)vm.active_count,
			(unsigned long long)vm.inactive_count, (unsigned long long)vm.wire_count,
			(unsigned long long)vm.compressor_page_count);
	else
		buf_str(out, "memory.pages: missing\n");
}

static void add_load(struct buf *out)
{
	double load[3];

	if (getloadavg(load, 3) == 3)
		buf_fmt(out, "loadavg: %.2f %.2f %.2f\n", load[0], load[1], load[2]);
	else
		buf_str(out, "loadavg: missing\n");
}

static void add_process(pid_t pid, struct buf *out)
{
	struct rusage_info_v2 usage;

	if (pid <= 0 || proc_pid_rusage(pid, RUSAGE_INFO_V2, (rusage_info_t *)&usage) != 0) {
		buf_str(out, "process: missing (the process is gone)\n");
		return;
	}
	buf_fmt(out, "process: footprint=%llu resident=%llu pageins=%llu\n",
		(unsigned long long)usage.ri_phys_footprint,
		(unsigned long long)usage.ri_resident_size, (unsigned long long)usage.ri_pageins);
}

void plat_evidence(pid_t pid, struct buf *out)
{
	/* 1 normal, 2 warning, 4 critical */
	add_int(out, "pressure.memory", "kern.memorystatus_vm_pressure_level");
	add_int(out, "jetsam.level",
		"kern.memorystatus_level"); /* percent of memory that is left */
	add_memory(out);
	add_load(out);
	add_process(pid, out);
	buf_str(out, "cgroup: missing (macOS has none)\n");
	buf_str(out, "kernel: missing (macOS: log show --predicate 'eventMessage CONTAINS "
		     "\"memorystatus\"')\n");
}

int64_t plat_proc_rss(pid_t pid)
{
	struct proc_info info;
	struct err e;

	if (plat_proc_info(pid, &info, &e) < 0 || info.state == PROC_GONE)
		return -1;
	return info.rss_bytes;
}

bool plat_cgroup(pid_t pid, char *out, size_t size)
{
	(void)pid;
	(void)out;
	(void)size;
	return false; /* macOS has none */
}

bool plat_cgroup_path(pid_t pid, char *out, size_t size)
{
	(void)pid;
	(void)out;
	(void)size;
	return false;
}

int plat_cgroup_enter(const char *name, struct err *e)
{
	return err_set(e, ERR_NOT_FOUND, 0, "no control group for %s: macOS has none", name);
}

void plat_cgroup_tidy(void) {}

void plat_memory_group(pid_t pid, struct memory_group *out)
{
	(void)pid;
	*out = (struct memory_group){.kills = -1};
}

int64_t plat_memory_kills(const char *group)
{
	(void)group;
	return -1;
}

bool plat_memory_whole(const char *group)
{
	(void)group;
	return false;
}

int plat_kernel_log(plat_line_fn *fn, void *arg, bool *out_our_pids, struct err *e)
{
	(void)fn;
	(void)arg;
	*out_our_pids = false;
	return err_set(e, ERR_FAILED, 0, "macOS gives no kernel log to read");
}

int64_t plat_memory_pressure(void)
{
	return -1;
}

bool plat_memory_ample(void)
{
	return false; /* the question is cheap here */
}

void plat_trim(void)
{
	malloc_zone_pressure_relief(NULL, 0);
}
