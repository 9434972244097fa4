/* library.h - the library behind the float executor, for provenance. */
#ifndef MHO_NET_LIBRARY_H
#define MHO_NET_LIBRARY_H

/* "oneDNN 2.6.3" */
const char *mho_net_library(void);

#endif
