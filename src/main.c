#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "iapeer/base/plat.h"
#include "iapeer/cli/cli.h"

#include "iapeer/base/banned.h"

/* A file opened as descriptor 0-2 would be read or written as standard input or output. What was
 * closed is opened the wrong way round, so that using it fails as it would have. */
static int standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		if (open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) !=
		    fd) /* NOLINT: shared with children on purpose */
			return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (standard_descriptors() < 0)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	plat_close_others();
	return verb_main(argc, argv);
}
