#include "iapeer/base/proc_tree.h"

#include "iapeer/base/plat.h"

#include "iapeer/base/banned.h"

size_t proc_tree(pid_t root, pid_t pids[static PROC_TREE_MAX])
{
	size_t n = 1;

	pids[0] = root;
	for (size_t i = 0; i < n; i++)
		n += plat_children(pids[i], pids + n, PROC_TREE_MAX - n);
	return n;
}
