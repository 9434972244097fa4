/* test_crossbar_memory.c - every allocation on the way from a plan to a compensated state fails once, in turn; each
 * time the caller gets MHO_MEMORY and nothing leaks (the sanitizer build watches).
 */
#include <omp.h>

#include "array_bench.h"
#include "failing_memory.h"
#include "harness.h"

static MhoStatus build(const ArrayBench *bench, MhoError *error)
{
    MhoPlan *plan = NULL;
    MhoChip *chip = NULL;
    MhoChipState *state = NULL;
    MhoWorkspace *run = NULL;
    MhoRangeObserver *probe = NULL;
    MhoStatus status = mho_plan_create(&bench->config, &bench->matrix, 1, &plan, error);
    status = status == MHO_OK ? mho_range_observer_create(1, &probe, error) : status;
    status = status == MHO_OK ? mho_chip_create(plan, 1, &chip, error) : status;
    status = status == MHO_OK ? mho_chip_state_create(chip, (MhoCondition){60.0, 300.0}, &state, error) : status;
    status = status == MHO_OK ? mho_workspace_create(plan, &run, error) : status;
    status = status == MHO_OK ? mho_chip_state_compensate(state, run, error) : status;
    mho_workspace_destroy(run);
    mho_chip_state_destroy(state);
    mho_chip_destroy(chip);
    mho_range_observer_destroy(probe);
    mho_plan_destroy(plan);
    return status;
}

/* Each allocation from plan to read fails once: the caller gets MHO_MEMORY and a message. */
TEST(every_failed_allocation_is_reported)
{
    ArrayBench bench;
    MhoError error = {0};
    int failures = 0;
    omp_set_num_threads(1);
    array_open(&bench, "pcm", "uniform");
    bench.config.chip.compensation = MHO_COMPENSATE_GLOBAL;
    bench.config.chip.rows = 10;
    array_shape(&bench, 1, 25, 5, 3);
    array_fill(&bench, 2, 7, 15, false, 100);
    for (;; failures++) {
        memory_fail_after(failures);
        const MhoStatus status = build(&bench, &error);
        if (!memory_has_failed()) {
            ck_assert_msg(status == MHO_OK, "%s", error.text);
            break;
        }
        ck_assert_msg(status == MHO_MEMORY, "allocation %d: %s", failures, error.text);
        ck_assert_int_lt(failures, 1000);
    }
    ck_assert_int_ge(failures, 14);
    array_close(&bench);
}
