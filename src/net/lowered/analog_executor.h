/* analog_executor.h - a lowered network on the arrays of one chip: analog layers by crossbar, digital steps on codes.
 */
#ifndef MHO_NET_LOWERED_ANALOG_EXECUTOR_H
#define MHO_NET_LOWERED_ANALOG_EXECUTOR_H

#include "net/lowered/executor.h"

/* net and plan (made of net's matrices) are borrowed. observes: runs record the sums of arrays for calibration instead
 * of converting them. The executor needs a state before it runs. */
MhoStatus mho_analog_executor_create(const MhoLoweredNet *net, const MhoPlan *plan, bool observes, int threads,
                                     MhoExecutor **executor, MhoError *error) MHO_CHECKED;

/* The chip in its condition that the next runs read; borrowed. It belongs to the executor's plan. */
void mho_analog_executor_set_state(MhoExecutor *executor, const MhoChipState *state);

/* Meters (n_matrices) that the next runs add to, in image order; NULL: none. Images numbered below `measured` also
 * measure signal and noise. */
void mho_analog_executor_set_meters(MhoExecutor *executor, MhoLayerMeter *meters, size_t measured);

/* Add the sums that all runs have recorded to an observer of n_matrices layers. */
void mho_analog_executor_merge_observed(MhoExecutor *executor, MhoRangeObserver *into);

/* A thread's workspace, 0 <= thread < threads of create: for single layers read outside a run. */
MhoWorkspace *mho_analog_executor_workspace(MhoExecutor *executor, int thread);

#endif
