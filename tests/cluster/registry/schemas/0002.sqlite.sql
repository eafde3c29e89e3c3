BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
CREATE TABLE architecture (
	run_id TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	data TEXT NOT NULL, 
	epoch INTEGER NOT NULL, 
	genotype TEXT NOT NULL, 
	reward FLOAT NOT NULL, 
	accuracy FLOAT NOT NULL, 
	loss FLOAT NOT NULL, 
	CONSTRAINT pk_architecture PRIMARY KEY (run_id, number)
);
CREATE TABLE control (
	id INTEGER NOT NULL, 
	mode TEXT NOT NULL, 
	CONSTRAINT pk_control PRIMARY KEY (id), 
	CONSTRAINT ck_control_ck_control_mode CHECK (mode IN ('open', 'paused', 'draining')), 
	CONSTRAINT ck_control_ck_control_one_row CHECK (id = 1)
);
INSERT INTO "control" VALUES(1,'open');
CREATE TABLE dependency (
	job_id INTEGER NOT NULL, 
	needs_id INTEGER NOT NULL, 
	CONSTRAINT pk_dependency PRIMARY KEY (job_id, needs_id), 
	CONSTRAINT fk_dependency_job_id FOREIGN KEY(job_id) REFERENCES job (id), 
	CONSTRAINT fk_dependency_needs_id FOREIGN KEY(needs_id) REFERENCES job (id)
);
INSERT INTO "dependency" VALUES(3,2);
CREATE TABLE event (
	id INTEGER NOT NULL, 
	job_id INTEGER, 
	at FLOAT NOT NULL, 
	kind TEXT NOT NULL, 
	text TEXT NOT NULL, 
	worker TEXT, 
	CONSTRAINT pk_event PRIMARY KEY (id), 
	CONSTRAINT fk_event_job_id FOREIGN KEY(job_id) REFERENCES job (id)
);
INSERT INTO "event" VALUES(1,1,1.79581168346298336978e+09,'submitted','search of experiment 1',NULL);
INSERT INTO "event" VALUES(2,2,1.79581168346499490734e+09,'submitted','search of experiment 1',NULL);
INSERT INTO "event" VALUES(3,3,1.79581168346700668341e+09,'submitted','search of experiment 1',NULL);
INSERT INTO "event" VALUES(4,1,1795811683.49002,'claimed','attempt 1 at here','worker');
INSERT INTO "event" VALUES(5,1,1.79581168349199151996e+09,'finished','attempt 1','worker');
INSERT INTO "event" VALUES(6,2,1.79581168349500894547e+09,'claimed','attempt 1 at here','worker');
CREATE TABLE experiment (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	source TEXT NOT NULL, 
	"plan" JSON NOT NULL, 
	folder TEXT NOT NULL, 
	every TEXT, 
	timezone TEXT NOT NULL, 
	next_at FLOAT, 
	created_at FLOAT NOT NULL, 
	CONSTRAINT pk_experiment PRIMARY KEY (id)
);
INSERT INTO "experiment" VALUES(1,'stored','search','kind: search
','{"plan": {"name": "stored", "kind": "search", "source": "kind: search\n", "jobs": [{"name": "done", "kind": "search", "settings": {"a": 1}, "run": "done", "needs": {"cpus": 1, "gpus": 0.0}, "limit_seconds": null, "after": []}, {"name": "running", "kind": "search", "settings": {"a": 1}, "run": "running", "needs": {"cpus": 1, "gpus": 0.0}, "limit_seconds": null, "after": []}, {"name": "waiting", "kind": "search", "settings": {"a": 1}, "run": "waiting", "needs": {"cpus": 1, "gpus": 0.0}, "limit_seconds": null, "after": [1]}]}, "options": {"priority": 0, "at": null, "every": null, "after": [], "max_attempts": 3, "out": "/runs"}}','/runs/stored-1',NULL,'Etc/UTC',NULL,1.79581168345501708981e+09);
INSERT INTO "experiment" VALUES(2,'stored','search','kind: search
','{"plan": {"name": "stored", "kind": "search", "source": "kind: search\n", "jobs": [{"name": "done", "kind": "search", "settings": {"a": 1}, "run": "done", "needs": {"cpus": 1, "gpus": 0.0}, "limit_seconds": null, "after": []}, {"name": "running", "kind": "search", "settings": {"a": 1}, "run": "running", "needs": {"cpus": 1, "gpus": 0.0}, "limit_seconds": null, "after": []}, {"name": "waiting", "kind": "search", "settings": {"a": 1}, "run": "waiting", "needs": {"cpus": 1, "gpus": 0.0}, "limit_seconds": null, "after": [1]}]}, "options": {"priority": 0, "at": null, "every": "0 2 * * *", "after": [], "max_attempts": 3, "out": "/runs"}}','/runs/stored-2','0 2 * * *','Etc/UTC',1795831200.0,1.7958116834769845009e+09);
CREATE TABLE job (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	round INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	settings JSON NOT NULL, 
	folder TEXT NOT NULL, 
	cpus FLOAT NOT NULL, 
	gpus FLOAT NOT NULL, 
	limit_seconds FLOAT, 
	state TEXT NOT NULL, 
	priority INTEGER NOT NULL, 
	rank FLOAT NOT NULL, 
	not_before FLOAT NOT NULL, 
	attempt INTEGER NOT NULL, 
	failures INTEGER NOT NULL, 
	max_attempts INTEGER NOT NULL, 
	claim_token TEXT, 
	worker TEXT, 
	place TEXT, 
	lease_until FLOAT, 
	cancel_requested BOOLEAN NOT NULL, 
	reserved_by TEXT, 
	reserved_until FLOAT, 
	phase TEXT NOT NULL, 
	done INTEGER NOT NULL, 
	total INTEGER NOT NULL, 
	note TEXT NOT NULL, 
	seconds_left FLOAT, 
	checkpoint TEXT, 
	mlflow_run_id TEXT, 
	error TEXT, 
	log TEXT, 
	log_tail TEXT NOT NULL, 
	created_at FLOAT NOT NULL, 
	started_at FLOAT, 
	ended_at FLOAT, 
	CONSTRAINT pk_job PRIMARY KEY (id), 
	CONSTRAINT ck_job_ck_job_running_has_lease CHECK (state <> 'running' OR (lease_until IS NOT NULL AND claim_token IS NOT NULL AND worker IS NOT NULL AND place IS NOT NULL)), 
	CONSTRAINT ck_job_ck_job_state CHECK (state IN ('queued', 'running', 'finished', 'failed', 'cancelled', 'skipped')), 
	CONSTRAINT fk_job_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiment (id)
);
INSERT INTO "job" VALUES(1,1,1,'done','search','{"a": 1}','/runs/stored-1/done',1.0,0.0,NULL,'finished',0,-1.79581168345501708981e+09,1.79581168345501708981e+09,1,0,3,NULL,'worker','here',NULL,0,NULL,NULL,'',0,0,'',NULL,NULL,NULL,NULL,NULL,'',1.79581168345501708981e+09,1.79581168348901414871e+09,1.79581168349199151996e+09);
INSERT INTO "job" VALUES(2,1,1,'running','search','{"a": 1}','/runs/stored-1/running',1.0,0.0,NULL,'running',0,-1.79581168345501708981e+09,1.79581168345501708981e+09,1,0,3,'d411a7ff84dc1b807161f4f8f5f41309','worker','here',1.79581528349400305747e+09,0,NULL,NULL,'',0,0,'',NULL,NULL,NULL,NULL,NULL,'',1.79581168345501708981e+09,1.79581168349400305747e+09,NULL);
INSERT INTO "job" VALUES(3,1,1,'waiting','search','{"a": 1}','/runs/stored-1/waiting',1.0,0.0,NULL,'queued',0,-1.79581168345501708981e+09,1.79581168345501708981e+09,0,0,3,NULL,NULL,NULL,NULL,0,NULL,NULL,'',0,0,'',NULL,NULL,NULL,NULL,NULL,'',1.79581168345501708981e+09,NULL,NULL);
CREATE TABLE worker (
	name TEXT NOT NULL, 
	place TEXT NOT NULL, 
	host TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	cpus FLOAT NOT NULL, 
	gpus FLOAT NOT NULL, 
	started_at FLOAT NOT NULL, 
	seen_at FLOAT NOT NULL, 
	CONSTRAINT pk_worker PRIMARY KEY (name)
);
CREATE INDEX ix_experiment_next_at ON experiment (next_at);
CREATE INDEX ix_job_experiment_id ON job (experiment_id);
CREATE INDEX ix_job_state_rank_id ON job (state, rank, id);
CREATE INDEX ix_dependency_needs_id ON dependency (needs_id);
CREATE INDEX ix_event_job_id ON event (job_id);
CREATE INDEX ix_architecture_data_reward ON architecture (data, reward);
COMMIT;
