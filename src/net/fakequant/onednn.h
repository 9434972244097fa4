/* onednn.h - the library of training's convolutions: its version, for provenance, and its threads. */
#ifndef MHO_NET_FAKEQUANT_ONEDNN_H
#define MHO_NET_FAKEQUANT_ONEDNN_H

/* "oneDNN 2.6.3" */
const char *mho_onednn_version(void);

/* Threads of passes started from this thread, oneDNN's among them; <= 0 changes nothing. Returns how many were. */
int mho_onednn_set_threads(int threads);

#endif
