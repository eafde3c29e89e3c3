CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.control (
    id integer NOT NULL,
    mode text NOT NULL,
    CONSTRAINT ck_control_ck_control_mode CHECK ((mode = ANY (ARRAY['open'::text, 'paused'::text, 'draining'::text]))),
    CONSTRAINT ck_control_ck_control_one_row CHECK ((id = 1))
);
CREATE SEQUENCE public.control_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.control_id_seq OWNED BY public.control.id;
CREATE TABLE public.dependency (
    job_id integer NOT NULL,
    needs_id integer NOT NULL
);
CREATE TABLE public.event (
    id integer NOT NULL,
    job_id integer,
    at double precision NOT NULL,
    kind text NOT NULL,
    text text NOT NULL,
    worker text
);
CREATE SEQUENCE public.event_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.event_id_seq OWNED BY public.event.id;
CREATE TABLE public.experiment (
    id integer NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    source text NOT NULL,
    plan json NOT NULL,
    folder text NOT NULL,
    every text,
    timezone text NOT NULL,
    next_at double precision,
    created_at double precision NOT NULL
);
CREATE SEQUENCE public.experiment_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.experiment_id_seq OWNED BY public.experiment.id;
CREATE TABLE public.job (
    id integer NOT NULL,
    experiment_id integer NOT NULL,
    round integer NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    settings json NOT NULL,
    folder text NOT NULL,
    cpus double precision NOT NULL,
    gpus double precision NOT NULL,
    limit_seconds double precision,
    state text NOT NULL,
    priority integer NOT NULL,
    rank double precision NOT NULL,
    not_before double precision NOT NULL,
    attempt integer NOT NULL,
    failures integer NOT NULL,
    max_attempts integer NOT NULL,
    claim_token text,
    worker text,
    place text,
    lease_until double precision,
    cancel_requested boolean NOT NULL,
    reserved_by text,
    reserved_until double precision,
    phase text NOT NULL,
    done integer NOT NULL,
    total integer NOT NULL,
    note text NOT NULL,
    seconds_left double precision,
    checkpoint text,
    mlflow_run_id text,
    error text,
    log text,
    log_tail text NOT NULL,
    created_at double precision NOT NULL,
    started_at double precision,
    ended_at double precision,
    CONSTRAINT ck_job_ck_job_running_has_lease CHECK (((state <> 'running'::text) OR ((lease_until IS NOT NULL) AND (claim_token IS NOT NULL) AND (worker IS NOT NULL) AND (place IS NOT NULL)))),
    CONSTRAINT ck_job_ck_job_state CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'finished'::text, 'failed'::text, 'cancelled'::text, 'skipped'::text])))
);
CREATE SEQUENCE public.job_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.job_id_seq OWNED BY public.job.id;
CREATE TABLE public.worker (
    name text NOT NULL,
    place text NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    cpus double precision NOT NULL,
    gpus double precision NOT NULL,
    started_at double precision NOT NULL,
    seen_at double precision NOT NULL
);
ALTER TABLE ONLY public.control ALTER COLUMN id SET DEFAULT nextval('public.control_id_seq'::regclass);
ALTER TABLE ONLY public.event ALTER COLUMN id SET DEFAULT nextval('public.event_id_seq'::regclass);
ALTER TABLE ONLY public.experiment ALTER COLUMN id SET DEFAULT nextval('public.experiment_id_seq'::regclass);
ALTER TABLE ONLY public.job ALTER COLUMN id SET DEFAULT nextval('public.job_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0001');
INSERT INTO public.control VALUES (1, 'open');
INSERT INTO public.dependency VALUES (3, 2);
INSERT INTO public.event VALUES (1, 1, 1795551457.833194, 'submitted', 'search of experiment 1', NULL);
INSERT INTO public.event VALUES (2, 2, 1795551457.840516, 'submitted', 'search of experiment 1', NULL);
INSERT INTO public.event VALUES (3, 3, 1795551457.842787, 'submitted', 'search of experiment 1', NULL);
INSERT INTO public.event VALUES (4, 1, 1795551457.861106, 'claimed', 'attempt 1 at here', 'worker');
INSERT INTO public.event VALUES (5, 1, 1795551457.862953, 'finished', 'attempt 1', 'worker');
INSERT INTO public.event VALUES (6, 2, 1795551457.868426, 'claimed', 'attempt 1 at here', 'worker');
INSERT INTO public.experiment VALUES (1, 'stored', 'search', 'kind: search
', '{"plan": {"name": "stored", "kind": "search", "source": "kind: search\n", "jobs": [{"name": "done", "kind": "search", "settings": {"a": 1}, "run": "done", "needs": {"cpus": 1, "gpus": 0.0}, "limit_seconds": null, "after": []}, {"name": "running", "kind": "search", "settings": {"a": 1}, "run": "running", "needs": {"cpus": 1, "gpus": 0.0}, "limit_seconds": null, "after": []}, {"name": "waiting", "kind": "search", "settings": {"a": 1}, "run": "waiting", "needs": {"cpus": 1, "gpus": 0.0}, "limit_seconds": null, "after": [1]}]}, "options": {"priority": 0, "at": null, "every": null, "after": [], "max_attempts": 3, "out": "/runs"}}', '/runs/stored-1', NULL, 'Etc/UTC', NULL, 1795551457.821397);
INSERT INTO public.experiment VALUES (2, 'stored', 'search', 'kind: search
', '{"plan": {"name": "stored", "kind": "search", "source": "kind: search\n", "jobs": [{"name": "done", "kind": "search", "settings": {"a": 1}, "run": "done", "needs": {"cpus": 1, "gpus": 0.0}, "limit_seconds": null, "after": []}, {"name": "running", "kind": "search", "settings": {"a": 1}, "run": "running", "needs": {"cpus": 1, "gpus": 0.0}, "limit_seconds": null, "after": []}, {"name": "waiting", "kind": "search", "settings": {"a": 1}, "run": "waiting", "needs": {"cpus": 1, "gpus": 0.0}, "limit_seconds": null, "after": [1]}]}, "options": {"priority": 0, "at": null, "every": "0 2 * * *", "after": [], "max_attempts": 3, "out": "/runs"}}', '/runs/stored-2', '0 2 * * *', 'Etc/UTC', 1795572000, 1795551457.847984);
INSERT INTO public.job VALUES (3, 1, 1, 'waiting', 'search', '{"a": 1}', '/runs/stored-1/waiting', 1, 0, NULL, 'queued', 0, -1795551457.821397, 1795551457.821397, 0, 0, 3, NULL, NULL, NULL, NULL, false, NULL, NULL, '', 0, 0, '', NULL, NULL, NULL, NULL, NULL, '', 1795551457.821397, NULL, NULL);
INSERT INTO public.job VALUES (1, 1, 1, 'done', 'search', '{"a": 1}', '/runs/stored-1/done', 1, 0, NULL, 'finished', 0, -1795551457.821397, 1795551457.821397, 1, 0, 3, NULL, 'worker', 'here', NULL, false, NULL, NULL, '', 0, 0, '', NULL, NULL, NULL, NULL, NULL, '', 1795551457.821397, 1795551457.859765, 1795551457.862414);
INSERT INTO public.job VALUES (2, 1, 1, 'running', 'search', '{"a": 1}', '/runs/stored-1/running', 1, 0, NULL, 'running', 0, -1795551457.821397, 1795551457.821397, 1, 0, 3, 'dcb802f1759442bb35a827c87a56143c', 'worker', 'here', 1795555057.867419, false, NULL, NULL, '', 0, 0, '', NULL, NULL, NULL, NULL, NULL, '', 1795551457.821397, 1795551457.867423, NULL);
SELECT pg_catalog.setval('public.control_id_seq', 1, false);
SELECT pg_catalog.setval('public.event_id_seq', 6, true);
SELECT pg_catalog.setval('public.experiment_id_seq', 2, true);
SELECT pg_catalog.setval('public.job_id_seq', 3, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.control
    ADD CONSTRAINT pk_control PRIMARY KEY (id);
ALTER TABLE ONLY public.dependency
    ADD CONSTRAINT pk_dependency PRIMARY KEY (job_id, needs_id);
ALTER TABLE ONLY public.event
    ADD CONSTRAINT pk_event PRIMARY KEY (id);
ALTER TABLE ONLY public.experiment
    ADD CONSTRAINT pk_experiment PRIMARY KEY (id);
ALTER TABLE ONLY public.job
    ADD CONSTRAINT pk_job PRIMARY KEY (id);
ALTER TABLE ONLY public.worker
    ADD CONSTRAINT pk_worker PRIMARY KEY (name);
CREATE INDEX ix_dependency_needs_id ON public.dependency USING btree (needs_id);
CREATE INDEX ix_event_job_id ON public.event USING btree (job_id);
CREATE INDEX ix_experiment_next_at ON public.experiment USING btree (next_at);
CREATE INDEX ix_job_experiment_id ON public.job USING btree (experiment_id);
CREATE INDEX ix_job_state_rank_id ON public.job USING btree (state, rank, id);
ALTER TABLE ONLY public.dependency
    ADD CONSTRAINT fk_dependency_job_id FOREIGN KEY (job_id) REFERENCES public.job(id);
ALTER TABLE ONLY public.dependency
    ADD CONSTRAINT fk_dependency_needs_id FOREIGN KEY (needs_id) REFERENCES public.job(id);
ALTER TABLE ONLY public.event
    ADD CONSTRAINT fk_event_job_id FOREIGN KEY (job_id) REFERENCES public.job(id);
ALTER TABLE ONLY public.job
    ADD CONSTRAINT fk_job_experiment_id FOREIGN KEY (experiment_id) REFERENCES public.experiment(id);
