/* test_allocate_memory.c - every allocation of a move, of its log and of reading that back fails once, in turn; each
 * time the caller gets MHO_MEMORY and no net, and nothing leaks (the sanitizer build watches).
 */
#include "failing_memory.h"
#include "support/allocate_stage.h"

/* A move by the uniform baseline, its log, and the log read by another stage. */
static MhoStatus walk(Stage *stage, const MhoNet *net, MhoError *error)
{
    MhoAllocation allocation, other = {0};
    MhoRecord *record = NULL;
    MhoNet *next = NULL;
    bool done;
    MhoStatus status = mho_allocation_create(&stage->input, &allocation, error);
    if (status == MHO_OK) {
        status = mho_allocation_move(&allocation, net, 0.5, &next, &done, error);
        if (status != MHO_OK && next)
            status = MHO_FAILED; /* nobody would free it */
    }
    status = status == MHO_OK ? mho_record_create(&record, error) : status;
    status = status == MHO_OK ? mho_moves_to_record(&allocation, record, error) : status;
    status = status == MHO_OK ? mho_allocation_create(&stage->input, &other, error) : status;
    status = status == MHO_OK ? mho_moves_from_record(&other, record, "m.h5", error) : status;
    mho_net_destroy(next);
    mho_record_destroy(record);
    mho_allocation_destroy(&allocation);
    mho_allocation_destroy(&other);
    return status;
}

/* Every failed allocation of memory is reported as MHO_MEMORY with a text. */
TEST(every_failed_allocation_is_reported)
{
    Stage stage;
    Contest contest;
    int failures = 0;
    stage_open(&stage);
    contest_open(&contest, "uniform", 1);
    stage.input.allocator = contest.allocator;
    stage.params.accuracy = 1.0; /* a budget, so that the net before the move is copied */
    stage.params.trial_images = 2;
    MhoNet *net = net_of(&stage, "allconv", 0.05, "float:0 8/8:0");
    for (int at = 0;; at++) {
        MhoError error = {0};
        memory_fail_after(at);
        const MhoStatus status = walk(&stage, net, &error);
        if (!memory_has_failed()) {
            must(status, &error);
            break;
        }
        ck_assert_msg(status == MHO_MEMORY && error.text[0], "allocation %d: %s '%s'", at, mho_status_name(status),
                      error.text);
        failures++;
    }
    ck_assert_int_gt(failures, 500);
    mho_net_destroy(net);
    stage_close(&stage);
}
