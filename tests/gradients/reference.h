/* reference.h - a second, naive executor in double, on values instead of codes, for tests of net/fakequant/fakequant.h.
 *
 * Recorded once at a point, its kinks are frozen: roundings become "u + residue", clips and ReLUs keep their side,
 * maxima their winner. Around that point it is the smooth surrogate whose exact derivatives straight-through gradients
 * are, so central differences of it are the oracle of every gradient.
 */
#ifndef MHO_TESTS_REFERENCE_H
#define MHO_TESTS_REFERENCE_H

#include "net/fakequant/fakequant.h"
#include "net/graph/requant.h"

typedef struct Reference {
    const MhoNet *net;
    size_t batch;
    bool batch_statistics;
    bool frozen;                             /* kinks as recorded by the last run with frozen = false */
    bool straight;                           /* weights' gradient passes their clip */
    double **value;                          /* per node (batch, h, w, c) */
    double **parameter[MHO_NODE_MAX_ARRAYS]; /* per array slot and node: a copy to perturb */
    double *log_scale;                       /* per quantizer node: its own copy even when shared */
    double **kink, **weight_kink;            /* residues and sides */
} Reference;

Reference *reference_create(const MhoNet *net, size_t batch);
void reference_destroy(Reference *reference);
/* Read the parameters of the net again. */
void reference_load(Reference *reference);
/* images (batch, h, w, c) u8; returns the logits (batch, classes). */
const double *reference_run(Reference *reference, const uint8_t *images);

#endif
