/* allocate.c - a training with the stage "allocate": moves of the allocation, each with a recovery by the trainer.
 *
 * The teacher of every recovery is the net that the stage began with. On a chip, recoveries go forward through the
 * device model and are validated on chips, with converter ranges that are calibrated once, at the start of the stage.
 */
#include "allocate/allocate_internal.h"

/* A training with an allocation. */
typedef struct Run {
    const MhoTrainInput *input; /* the caller's */
    MhoAllocation allocation;
    MhoTraining *training;
    bool recovering;
} Run;

static void count_epochs(Run *run)
{
    run->allocation.moves[run->allocation.n_moves - 1].epochs = mho_training_stage_epochs(run->training);
}

/* The caller's checkpoint with the log, once there is one. */
static MhoStatus write_checkpoint(void *context, MhoRecord *checkpoint, bool final, MhoError *error)
{
    Run *run = context;
    MhoRecord *group;
    MhoStatus status = MHO_OK;
    if (run->recovering)
        count_epochs(run);
    if (run->allocation.n > 0) {
        status = mho_record_child(checkpoint, "allocation", &group, error);
        if (status == MHO_OK)
            status = mho_moves_to_record(&run->allocation, group, error);
    }
    return status == MHO_OK ? run->input->checkpoint(run->input->context, checkpoint, final, error) : status;
}

/* The log of a checkpoint whose stage is "allocate" or after it. */
static MhoStatus read_log(Run *run, MhoError *error)
{
    const MhoTrainInput *input = run->input;
    const MhoStage *stage = mho_training_stage(run->training);
    const MhoRecord *group = input->resume ? mho_record_find(input->resume, "allocation") : NULL;
    if (!input->resume || !stage || !stage->allocated)
        return MHO_OK;
    if (!group)
        return mho_fail(error, MHO_INPUT, "%s: not a checkpoint of this recipe: group allocation is missing",
                        input->resume_file);
    return mho_moves_from_record(&run->allocation, group, input->resume_file, error);
}

/* The net that moves start from, and its validation accuracy. */
static MhoStatus begin_stage(Run *run, double *accuracy, MhoError *error)
{
    MhoNet *first = NULL;
    double loss;
    const MhoStatus status = mho_allocation_begin(&run->allocation, mho_training_net(run->training), &first, error);
    if (status != MHO_OK)
        return mho_fail_context(error, "stage allocate");
    if (first)
        mho_training_set_net(run->training, first);
    return mho_training_validate(run->training, accuracy, &loss, error);
}

/* The running net becomes that of the next recovery, or the last one when *done. */
static MhoStatus next_net(Run *run, double accuracy, bool *done, MhoError *error)
{
    MhoNet *next;
    const MhoStatus status =
        mho_allocation_move(&run->allocation, mho_training_net(run->training), accuracy, &next, done, error);
    if (status != MHO_OK)
        return mho_fail_context(error, "stage allocate");
    if (next)
        mho_training_set_net(run->training, next);
    return MHO_OK;
}

static MhoStatus recover(Run *run, double *accuracy, MhoError *error)
{
    const MhoRecovery recovery = mho_allocation_recovery(&run->allocation);
    run->recovering = true;
    const MhoStatus status = mho_training_recover(run->training, &recovery, accuracy, error);
    run->recovering = false;
    if (status == MHO_OK)
        count_epochs(run);
    return status;
}

static MhoStatus run_stage(Run *run, MhoError *error)
{
    bool resumed, done = false;
    double accuracy = 0.0;
    MhoStatus status = mho_training_begin_stage(run->training, &resumed, error);
    if (status == MHO_OK && !resumed)
        status = begin_stage(run, &accuracy, error);
    while (status == MHO_OK && !done) {
        if (!resumed)
            status = next_net(run, accuracy, &done, error);
        resumed = false;
        if (status == MHO_OK && !done)
            status = recover(run, &accuracy, error);
    }
    mho_training_end_stage(run->training);
    return status;
}

MhoStatus mho_allocate_train(const MhoTrainInput *train, const MhoAllocateInput *allocate, MhoNet **net,
                             MhoError *error)
{
    Run run = {.input = train};
    MhoTrainInput input = *train;
    *net = NULL;
    input.recovers_on_chip = mho_allocate_recovers_on_chip(allocate->params);
    if (train->checkpoint)
        input.checkpoint = write_checkpoint;
    input.context = &run;
    MhoStatus status = mho_allocation_create(allocate, &run.allocation, error);
    if (status == MHO_OK)
        status = mho_training_create(&input, &run.training, error);
    if (status == MHO_OK)
        status = read_log(&run, error);
    for (const MhoStage *stage; status == MHO_OK && (stage = mho_training_stage(run.training));)
        status =
            stage->kind == MHO_STAGE_ALLOCATE ? run_stage(&run, error) : mho_training_run_stage(run.training, error);
    if (status == MHO_OK)
        status = mho_training_finish(run.training, net, error);
    mho_training_destroy(run.training);
    mho_allocation_destroy(&run.allocation);
    return status;
}
