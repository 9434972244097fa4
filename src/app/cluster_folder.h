/* cluster_folder.h - RESULT.cluster/, the folder of a study that runs on a cluster: scripts, logs, parts, and the plan
 * that tells `mho submit` and `mho status` what they are parts of. */
#ifndef MHO_APP_CLUSTER_FOLDER_H
#define MHO_APP_CLUSTER_FOLDER_H

#include "app/slurm.h"

typedef struct MhoClusterPlan {
    int n_tasks;           /* 0: there is no plan */
    size_t n_trials;       /* of the study; at most so many where models are still to be trained */
    bool stops_early;      /* points may take fewer trials, and parts have whole points */
    double seconds;        /* of one trial as measured; 0: it was not */
    long jobs[MHO_N_JOBS]; /* as submitted last; 0: none */
} MhoClusterPlan;

/* RESULT.cluster */
MhoStatus mho_cluster_folder(const char *result, char *folder, size_t size, MhoError *error) MHO_CHECKED;

/* The plan in a folder; n_tasks is 0 when there is none. USAGE when it is of another study than that of text (NULL: any
 * study). INPUT when it is damaged. */
MhoStatus mho_cluster_plan_read(const char *folder, const char *study_text, MhoClusterPlan *plan,
                                MhoError *error) MHO_CHECKED;
MhoStatus mho_cluster_plan_write(const char *folder, const char *study_text, const MhoClusterPlan *plan,
                                 MhoError *error) MHO_CHECKED;

#endif
