/* fault.h - fault points: the places between two effects where the machine may stop.
 *
 * In a fault-point build (-DIAPEER_FAULTS=ON) IAPEER_FAULT="<role>:<point>:<n>:<how>" makes the
 * n-th (from 1) passage of <point> in a process of that role (the verb: send, supervise, _apply
 * ...) die by SIGKILL (`kill`), fail with EIO (`fail`) or wait 300 ms (`delay`). With
 * IAPEER_FAULT_ONCE=<file> it does so only if it can unlink that file: one fault a run, whoever
 * comes first. IAPEER_FAULT_TRACE=<file> appends "<role> <point> <pid>" for each passage, which is
 * how the driver (tests/faults/walk) learns what there is to walk. In every other build all of this
 * is the constant 0.
 */
#pragma once

#ifdef IAPEER_FAULTS
void fault_role(const char *role);
int fault_point(const char *point); /* 0, or an errno that the effect must fail with */
#else
static inline void fault_role(const char *role)
{
	(void)role;
}
static inline int fault_point(const char *point)
{
	(void)point;
	return 0;
}
#endif
