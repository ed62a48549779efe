/* banned.h - included last: these names do not compile. Each has a bounded counterpart in base/. */
#pragma once
/* Apple's headers define some of them as macros, and a macro cannot be poisoned. */
#undef strcpy
#undef strcat
#undef sprintf
#undef vsprintf
#undef strncpy
#undef strncat
#pragma GCC poison strcpy strcat sprintf vsprintf strncpy strncat
#pragma GCC poison strtok atoi atol gets system popen
