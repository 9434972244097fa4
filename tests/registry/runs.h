/* runs.h - run one model of each kind on something small and note every number that comes out.
 *
 * A new kind adds one function here (in a file of its own) and one line to the table in test_registry.c.
 */
#ifndef MHO_TESTS_RUNS_H
#define MHO_TESTS_RUNS_H

#include "base/descriptor.h"

enum { TRACE_MAX = 4096 };

typedef struct Trace {
    size_t n;
    double value[TRACE_MAX];
} Trace;

/* Note numbers; a number that is not finite fails the test. */
void trace_add(Trace *trace, double value);
void trace_add_floats(Trace *trace, size_t n, const float *value);

/* Exercise every callback of a model with these parameters; a failure fails the test. */
typedef void (*Run)(const MhoDescriptor *model, const void *params, Trace *trace);

void run_cell(const MhoDescriptor *model, const void *params, Trace *trace);
void run_adc(const MhoDescriptor *model, const void *params, Trace *trace);
void run_dac(const MhoDescriptor *model, const void *params, Trace *trace);
void run_wire(const MhoDescriptor *model, const void *params, Trace *trace);
void run_quantizer(const MhoDescriptor *model, const void *params, Trace *trace);
void run_layer(const MhoDescriptor *model, const void *params, Trace *trace);
void run_allocator(const MhoDescriptor *model, const void *params, Trace *trace);

#endif
