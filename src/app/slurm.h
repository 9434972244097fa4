/* slurm.h - a study as jobs of Slurm: one that trains, an array that runs the parts of the sweep, one that merges. */
#ifndef MHO_APP_SLURM_H
#define MHO_APP_SLURM_H

#include "study/keys/study.h"

typedef enum MhoJobKind { MHO_JOB_TRAIN, MHO_JOB_ARRAY, MHO_JOB_MERGE, MHO_N_JOBS } MhoJobKind;

/* What the jobs of a study run. Paths are absolute and may hold any character. */
typedef struct MhoJobs {
    const char *program;        /* mho */
    const char *study;          /* file */
    const char *here;           /* folder that the jobs work in: relative paths of a study start there */
    const char *folder;         /* of scripts, logs and parts */
    const char *result;         /* file */
    const char *const *options; /* (n_options) words of the command line that every run of the study gets */
    size_t n_options;
    const MhoClusterParams *cluster; /* checked by mho_jobs_check */
    int n_tasks;
} MhoJobs;

extern const char *const mho_job_names[MHO_N_JOBS]; /* "train", "array", "merge": FOLDER/NAME.sh */

/* USAGE for a partition, account, time or memory that Slurm could not read. */
MhoStatus mho_jobs_check(const MhoClusterParams *cluster, MhoError *error) MHO_CHECKED;

/* Seconds of a time limit as Slurm writes it, or 0: none, or not one. */
double mho_slurm_seconds(const char *time);

/* The script of a job; the caller frees it. NULL: out of memory. */
char *mho_job_script(const MhoJobs *jobs, MhoJobKind kind);

/* Text as one word of a shell; the caller frees it. NULL: out of memory. */
char *mho_shell_quote(const char *text);

/* The file that task `task` (from 1) of an array writes, and the numbers of the tasks that have not written theirs as
 * Slurm writes them, "1-3,7"; the caller frees these. *n: how many they are. NULL: out of memory. */
MhoStatus mho_part_path(const char *folder, int task, int n_tasks, char *path, size_t size,
                        MhoError *error) MHO_CHECKED;
char *mho_parts_missing(const char *folder, int n_tasks, int *n);

/* Hand a script to sbatch. after: "afterok:12", or NULL; array: numbers of tasks, or NULL. *id: the job. */
MhoStatus mho_slurm_submit(const char *script, const char *after, const char *array, long *id,
                           MhoError *error) MHO_CHECKED;

/* Tasks of these jobs (0: none) that squeue shows as running and as waiting. false: there is no squeue that answers,
 * so nothing is known. */
bool mho_slurm_queue(const long *jobs, size_t n, size_t *running, size_t *waiting);

#endif
