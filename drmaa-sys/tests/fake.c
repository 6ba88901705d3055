/*
 * A DRMAA library that misbehaves on purpose: what a real one does too rarely for a test.
 *
 * Jobs are processes of this machine, and a job's id is its process id, so that another process finds
 * them too. What it is to do wrong stands in the file that $FAKE_DRMAA names, as words, read at each
 * call; a number counts submissions, over all processes, beginning with 1:
 *
 *   slow=MS       each call takes so long           noise       prints to both streams
 *   busy=N        the first N come too early (16)   down=N      the first N meet no scheduler (2)
 *   deny          refuses all (17)                  odd         fails with a code of its own (99)
 *   hang=N        the Nth blocks for ever           crash=N     the Nth ends the process
 *   lose=N        the Nth is taken and never run    mute=N      the Nth is run, and an error is said (1)
 *   deaf          no end is ever told               lie         each end is told as status 0
 *   amnesia       no job is known to any question   refuse      there is no session (10)
 *
 * What was submitted is appended to the same name with `.log`, one line each.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../include/drmaa.h"

#define MOST 4096

struct drmaa_job_template_s {
  char *command, *wd, *native, *name;
  char *args[64];
};
struct drmaa_attr_values_s {
  char *texts[MOST];
  int n, at;
};

static pid_t jobs[MOST];
static int n_jobs, is_open;

static int fail(int code, char *why, size_t len, const char *text) {
  if (why) snprintf(why, len, "%s", text);
  return code;
}

/* The number behind NAME=, 1 for the bare word, 0 for none. */
static int rule(const char *name) {
  const char *path = getenv("FAKE_DRMAA");
  char text[4096] = "", *word, *rest = NULL;
  FILE *file = path ? fopen(path, "r") : NULL;
  if (!file) return 0;
  text[fread(text, 1, sizeof text - 1, file)] = 0;
  fclose(file);
  for (word = strtok_r(text, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
    size_t len = strlen(name);
    if (strncmp(word, name, len)) continue;
    if (!word[len]) return 1;
    if (word[len] == '=') return atoi(word + len + 1);
  }
  return 0;
}

static void be_odd(void) {
  if (rule("noise")) {
    (void)!write(1, "noise on stdout\n", 16);
    (void)!write(2, "error: commlib noise\n", 21);
  }
  usleep(1000 * rule("slow"));
}

/* Appends to the log, and gives the number of the line. */
static int log_line(const char *format, ...) {
  const char *path = getenv("FAKE_DRMAA");
  char name[4096], line[4096], found[65536];
  va_list list;
  int fd, n = 0;
  ssize_t len, i;
  if (!path) return 0;
  snprintf(name, sizeof name, "%s.log", path);
  va_start(list, format);
  vsnprintf(line, sizeof line, format, list);
  va_end(list);
  fd = open(name, O_RDWR | O_CREAT | O_APPEND, 0600);
  (void)!write(fd, line, strlen(line));
  lseek(fd, 0, SEEK_SET);
  while ((len = read(fd, found, sizeof found)) > 0)
    for (i = 0; i < len; i++) n += found[i] == '\n';
  close(fd);
  return n;
}

int drmaa_init(const char *contact, char *why, size_t len) {
  (void)contact;
  be_odd();
  if (rule("refuse")) return fail(DRMAA_ERRNO_DRMS_INIT_FAILED, why, len, "no scheduler here");
  if (is_open) return fail(DRMAA_ERRNO_ALREADY_ACTIVE_SESSION, why, len, "twice");
  is_open = 1, n_jobs = 0;
  return 0;
}

int drmaa_exit(char *why, size_t len) {
  if (!is_open) return fail(DRMAA_ERRNO_NO_ACTIVE_SESSION, why, len, "none");
  is_open = 0;
  return 0;
}

int drmaa_allocate_job_template(drmaa_job_template_t **jt, char *why, size_t len) {
  if (!is_open) return fail(DRMAA_ERRNO_NO_ACTIVE_SESSION, why, len, "none");
  *jt = calloc(1, sizeof **jt);
  return 0;
}

int drmaa_delete_job_template(drmaa_job_template_t *jt, char *why, size_t len) {
  int i;
  (void)why, (void)len;
  free(jt->command), free(jt->wd), free(jt->native), free(jt->name);
  for (i = 0; i < 64; i++) free(jt->args[i]);
  free(jt);
  return 0;
}

static char **place(drmaa_job_template_t *jt, const char *name) {
  if (!strcmp(name, DRMAA_REMOTE_COMMAND)) return &jt->command;
  if (!strcmp(name, DRMAA_WD)) return &jt->wd;
  if (!strcmp(name, DRMAA_NATIVE_SPECIFICATION)) return &jt->native;
  if (!strcmp(name, DRMAA_JOB_NAME)) return &jt->name;
  return NULL;
}

int drmaa_set_attribute(drmaa_job_template_t *jt, const char *name, const char *value, char *why,
                        size_t len) {
  char **at = place(jt, name);
  if (!strcmp(name, "nonsense"))
    return fail(DRMAA_ERRNO_INVALID_ATTRIBUTE_FORMAT, why, len, "no such attribute");
  if (at) free(*at), *at = strdup(value);
  return 0;
}

int drmaa_get_attribute(drmaa_job_template_t *jt, const char *name, char *value, size_t room, char *why,
                        size_t len) {
  char **at = place(jt, name);
  if (!at || !*at) return fail(DRMAA_ERRNO_INVALID_ATTRIBUTE_VALUE, why, len, "not set");
  snprintf(value, room, "%s", *at);
  return 0;
}

int drmaa_set_vector_attribute(drmaa_job_template_t *jt, const char *name, const char *value[],
                               char *why, size_t len) {
  int i;
  (void)why, (void)len;
  if (strcmp(name, DRMAA_V_ARGV)) return 0;
  for (i = 0; i < 63; i++) {
    free(jt->args[i]);
    jt->args[i] = value && *value ? strdup(*value++) : NULL;
  }
  return 0;
}

int drmaa_get_vector_attribute(drmaa_job_template_t *jt, const char *name, drmaa_attr_values_t **values,
                               char *why, size_t len) {
  (void)jt, (void)name, (void)values;
  return fail(DRMAA_ERRNO_INTERNAL_ERROR, why, len, "not here");
}

int drmaa_get_attribute_names(drmaa_attr_names_t **values, char *why, size_t len) {
  (void)values;
  return fail(DRMAA_ERRNO_INTERNAL_ERROR, why, len, "not here");
}

int drmaa_get_vector_attribute_names(drmaa_attr_names_t **values, char *why, size_t len) {
  (void)values;
  return fail(DRMAA_ERRNO_INTERNAL_ERROR, why, len, "not here");
}

static pid_t start(const drmaa_job_template_t *jt, int task) {
  char *argv[66] = {jt->command}, number[16];
  int i;
  pid_t pid = fork();
  if (pid) return pid;
  for (i = 0; i < 63; i++) argv[i + 1] = jt->args[i];
  setsid();
  i = open("/dev/null", O_RDWR);
  dup2(i, 0), dup2(i, 1), dup2(i, 2);
  for (i = 3; i < 256; i++) close(i);
  snprintf(number, sizeof number, "%d", task);
  setenv("SGE_TASK_ID", task ? number : "undefined", 1);
  snprintf(number, sizeof number, "%d", (int)getpid());
  setenv("JOB_ID", number, 1);
  unsetenv("GLIBC_TUNABLES");
  if (jt->wd && chdir(jt->wd)) _exit(127);
  execv(argv[0], argv);
  _exit(127);
}

/* Submits one task; its id, or 0 with the code that is to be returned. */
static pid_t submit(const drmaa_job_template_t *jt, int task, int *code) {
  int n = log_line("%s %s | %s\n", jt->args[0] ? jt->args[0] : "-", jt->name ? jt->name : "-",
                   jt->native ? jt->native : "");
  pid_t pid = 0;
  *code = 0;
  if (n && n == rule("crash")) abort();
  if (n && n == rule("hang")) for (;;) pause();
  if (rule("deny")) *code = DRMAA_ERRNO_DENIED_BY_DRM;
  if (rule("odd")) *code = 99;
  if (n <= rule("busy")) *code = DRMAA_ERRNO_TRY_LATER;
  if (n <= rule("down")) *code = DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE;
  if (*code) return 0;
  if (n && n == rule("lose")) return 999999999;
  pid = start(jt, task);
  if (n_jobs < MOST) jobs[n_jobs++] = pid;
  if (n && n == rule("mute")) *code = DRMAA_ERRNO_INTERNAL_ERROR;
  return pid;
}

static const char *text_of(int code) {
  switch (code) {
  case DRMAA_ERRNO_DENIED_BY_DRM: return "Job was rejected because job requests unknown queue \"nosuch.q\"";
  case DRMAA_ERRNO_TRY_LATER: return "job rejected: only 3 jobs are allowed per user";
  case DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE: return "unable to contact qmaster\nusing port 1";
  default: return "";
  }
}

int drmaa_run_job(char *id, size_t room, const drmaa_job_template_t *jt, char *why, size_t len) {
  int code;
  pid_t pid;
  be_odd();
  pid = submit(jt, 0, &code);
  if (code) return fail(code, why, len, text_of(code));
  snprintf(id, room, "%d", (int)pid);
  return 0;
}

int drmaa_run_bulk_jobs(drmaa_job_ids_t **ids, const drmaa_job_template_t *jt, int first, int last,
                        int step, char *why, size_t len) {
  drmaa_attr_values_t *list = calloc(1, sizeof *list);
  int code, task;
  be_odd();
  for (task = first; task <= last; task += step) {
    pid_t pid = submit(jt, task, &code);
    if (code) return free(list), fail(code, why, len, text_of(code));
    if (asprintf(&list->texts[list->n++], "%d", (int)pid) < 0) abort();
  }
  *ids = (drmaa_job_ids_t *)list;
  return 0;
}

int drmaa_control(const char *job, int action, char *why, size_t len) {
  int i;
  be_odd();
  if (!strcmp(job, DRMAA_JOB_IDS_SESSION_ALL)) {
    for (i = 0; i < n_jobs; i++) kill(-jobs[i], SIGKILL);
    return 0;
  }
  if (action == DRMAA_CONTROL_SUSPEND) return fail(DRMAA_ERRNO_SUSPEND_INCONSISTENT_STATE, why, len, "no");
  if (kill(-atoi(job), SIGKILL)) return fail(DRMAA_ERRNO_INVALID_JOB, why, len, "no such job");
  return 0;
}

int drmaa_synchronize(const char *ids[], signed long timeout, int dispose, char *why, size_t len) {
  (void)ids, (void)timeout, (void)dispose;
  return fail(DRMAA_ERRNO_INTERNAL_ERROR, why, len, "not here");
}

int drmaa_wait(const char *job, char *id, size_t room, int *stat, signed long timeout,
               drmaa_attr_values_t **rusage, char *why, size_t len) {
  int is_any = !strcmp(job, DRMAA_JOB_IDS_SESSION_ANY), i, known;
  long left = timeout < 0 ? 1 << 30 : timeout * 100;
  be_odd();
  for (;; usleep(10000)) {
    for (i = known = 0; i < n_jobs; i++) {
      pid_t pid = jobs[i];
      if (!pid || (!is_any && pid != atoi(job))) continue;
      known++;
      if (rule("deaf") || waitpid(pid, stat, WNOHANG) != pid) continue;
      jobs[i] = 0;
      if (rule("lie")) *stat = 0;
      snprintf(id, room, "%d", (int)pid);
      *rusage = calloc(1, sizeof **rusage);
      (*rusage)->texts[(*rusage)->n++] = strdup("maxvmem=1048576.0000");
      (*rusage)->texts[(*rusage)->n++] = strdup("ru_wallclock=1.0000");
      return 0;
    }
    if (!known) return fail(DRMAA_ERRNO_INVALID_JOB, why, len, "no such job");
    if (left-- <= 0) return fail(DRMAA_ERRNO_EXIT_TIMEOUT, why, len, "time-out condition");
  }
}

int drmaa_job_ps(const char *job, int *state, char *why, size_t len) {
  be_odd();
  if (rule("amnesia") || kill(atoi(job), 0))
    return fail(DRMAA_ERRNO_INVALID_JOB, why, len, "no such job");
  *state = DRMAA_PS_RUNNING;
  return 0;
}

static int next(drmaa_attr_values_t *list, char *value, size_t room) {
  if (list->at == list->n) return DRMAA_ERRNO_NO_MORE_ELEMENTS;
  snprintf(value, room, "%s", list->texts[list->at++]);
  return 0;
}
static void let_go(drmaa_attr_values_t *list) {
  while (list->n) free(list->texts[--list->n]);
  free(list);
}
int drmaa_get_next_attr_name(drmaa_attr_names_t *l, char *v, size_t n) { return next((void *)l, v, n); }
int drmaa_get_next_attr_value(drmaa_attr_values_t *l, char *v, size_t n) { return next(l, v, n); }
int drmaa_get_next_job_id(drmaa_job_ids_t *l, char *v, size_t n) { return next((void *)l, v, n); }
void drmaa_release_attr_names(drmaa_attr_names_t *l) { let_go((void *)l); }
void drmaa_release_attr_values(drmaa_attr_values_t *l) { let_go(l); }
void drmaa_release_job_ids(drmaa_job_ids_t *l) { let_go((void *)l); }

#define ANSWER(NAME, VALUE) \
  int NAME(int *found, int stat, char *why, size_t len) { \
    (void)why, (void)len; \
    *found = VALUE; \
    return 0; \
  }
ANSWER(drmaa_wifexited, WIFEXITED(stat))
ANSWER(drmaa_wexitstatus, WEXITSTATUS(stat))
ANSWER(drmaa_wifsignaled, WIFSIGNALED(stat))
ANSWER(drmaa_wcoredump, 0 * stat)
ANSWER(drmaa_wifaborted, 0 * stat)

int drmaa_wtermsig(char *signal, size_t room, int stat, char *why, size_t len) {
  (void)why, (void)len;
  snprintf(signal, room, "SIG%s", sigabbrev_np(WTERMSIG(stat)));
  return 0;
}

const char *drmaa_strerror(int code) { return code <= 25 ? "an error of the standard" : NULL; }

static int say(char *at, size_t room, const char *text) {
  snprintf(at, room, "%s", text);
  return 0;
}
int drmaa_get_contact(char *at, size_t room, char *why, size_t len) {
  (void)why, (void)len;
  return say(at, room, "fake");
}
int drmaa_version(unsigned *major, unsigned *minor, char *why, size_t len) {
  (void)why, (void)len;
  *major = 1, *minor = 0;
  return 0;
}
int drmaa_get_DRM_system(char *at, size_t room, char *why, size_t len) {
  const char *system = getenv("FAKE_DRMAA_SYSTEM");
  (void)why, (void)len;
  return say(at, room, system ? system : "SGE 0 (fake)");
}
int drmaa_get_DRMAA_implementation(char *at, size_t room, char *why, size_t len) {
  (void)why, (void)len;
  return say(at, room, "fake");
}
