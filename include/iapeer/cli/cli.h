/* cli.h - the command line: find the verb, parse, open, run, print, and check that it was printed.
 */
#pragma once

/* The whole program. Returns its exit status. */
int verb_main(int argc, char **argv);
