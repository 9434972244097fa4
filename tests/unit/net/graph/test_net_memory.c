/* test_net_memory.c - every allocation on a network's way from builder to lowered net and record fails once, in turn;
 * each time the caller gets MHO_MEMORY and nothing leaks (the sanitizer build watches).
 */
#include "failing_memory.h"
#include "net/lowered/lower.h"
#include "net/transform/transform.h"
#include "support/net_sample.h"

static MhoStatus walk(MhoError *error)
{
    const MhoQuantPlan plan = sample_plan(4, 4);
    MhoNet *net = NULL, *copy = NULL, *quantized = NULL, *removed = NULL, *back = NULL;
    MhoLoweredNet *lowered = NULL;
    MhoRecord *record = NULL;
    MhoStatus status = mho_net_build("resnet20", (MhoShape){8, 8, 1}, 2, 0.07, 1, &net, error);
    status = status == MHO_OK ? mho_net_copy(net, &copy, error) : status;
    status = status == MHO_OK ? mho_net_quantize(copy, &plan, &quantized, error) : status;
    status = status == MHO_OK ? mho_net_fit_weights(quantized, error) : status;
    if (status == MHO_OK)
        sample_ranges(quantized);
    status =
        status == MHO_OK ? mho_net_remove_batchnorm(quantized, MHO_SCALE_PER_CHANNEL, true, &removed, error) : status;
    status = status == MHO_OK ? mho_lowered_net_create(removed, &lowered, error) : status;
    status = status == MHO_OK ? mho_record_create(&record, error) : status;
    status = status == MHO_OK ? mho_net_to_record(removed, record, error) : status;
    status = status == MHO_OK ? mho_net_from_record(record, "m.h5", &back, error) : status;
    mho_net_destroy(net);
    mho_net_destroy(copy);
    mho_net_destroy(quantized);
    mho_net_destroy(removed);
    mho_net_destroy(back);
    mho_lowered_net_destroy(lowered);
    mho_record_destroy(record);
    return status;
}

/* Whichever allocation of the graph fails, the call returns MHO_MEMORY with a text. */
TEST(every_failed_allocation_is_reported)
{
    int failures = 0;
    for (int at = 0;; at++) {
        MhoError error = {0};
        memory_fail_after(at);
        const MhoStatus status = walk(&error);
        if (!memory_has_failed()) {
            must(status, &error);
            break;
        }
        ck_assert_msg(status == MHO_MEMORY && error.text[0], "allocation %d: %s '%s'", at, mho_status_name(status),
                      error.text);
        failures++;
    }
    ck_assert_int_gt(failures, 1000);
}
