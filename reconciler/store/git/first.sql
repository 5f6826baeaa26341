BEGIN TRANSACTION;
CREATE TABLE calls (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	account TEXT NOT NULL, 
	reserved DOUBLE NOT NULL, 
	settled DOUBLE
);
CREATE TABLE events (
	id INTEGER NOT NULL, 
	run BIGINT NOT NULL, 
	operation TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	state TEXT NOT NULL, 
	detail TEXT NOT NULL, 
	proof TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(run, operation) REFERENCES operations (run, operation)
);
CREATE TABLE facts (
	target TEXT NOT NULL, 
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	PRIMARY KEY (target, name)
);
CREATE TABLE leases (
	target TEXT NOT NULL, 
	organisation BIGINT NOT NULL, 
	token TEXT NOT NULL, 
	holder TEXT NOT NULL, 
	host TEXT NOT NULL, 
	command TEXT NOT NULL, 
	run BIGINT, 
	seconds DOUBLE NOT NULL, 
	since DOUBLE NOT NULL, 
	until DOUBLE NOT NULL, 
	PRIMARY KEY (target, organisation)
);
CREATE TABLE lock_breaks (
	id INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	"by" TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	target TEXT NOT NULL, 
	organisation BIGINT NOT NULL, 
	holder TEXT NOT NULL, 
	host TEXT NOT NULL, 
	command TEXT NOT NULL, 
	run BIGINT, 
	since DOUBLE NOT NULL, 
	until DOUBLE NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE operations (
	run INTEGER NOT NULL, 
	operation TEXT NOT NULL, 
	sequence INTEGER NOT NULL, 
	learner BIGINT NOT NULL, 
	moves JSON NOT NULL, 
	method TEXT NOT NULL, 
	path TEXT NOT NULL, 
	body JSON NOT NULL, 
	PRIMARY KEY (run, operation), 
	UNIQUE (run, sequence), 
	FOREIGN KEY(run) REFERENCES runs (id)
);
CREATE TABLE pauses (
	account TEXT NOT NULL, 
	until DOUBLE NOT NULL, 
	PRIMARY KEY (account)
);
CREATE TABLE reconciler_schema (
	version INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	PRIMARY KEY (version)
);
CREATE TABLE record (
	target TEXT NOT NULL, 
	organisation BIGINT NOT NULL, 
	learner BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	staff BIGINT, 
	run INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	PRIMARY KEY (target, organisation, learner, kind, "key"), 
	FOREIGN KEY(run) REFERENCES runs (id)
);
CREATE TABLE run_ends (
	run INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	exit_code INTEGER NOT NULL, 
	summary JSON NOT NULL, 
	PRIMARY KEY (run), 
	FOREIGN KEY(run) REFERENCES runs (id)
);
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	started DOUBLE NOT NULL, 
	command TEXT NOT NULL, 
	target TEXT NOT NULL, 
	organisation BIGINT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	who TEXT NOT NULL, 
	commit_id TEXT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE INDEX calls_by_account ON calls (account);
CREATE INDEX operations_by_learner ON operations (learner);
CREATE INDEX events_by_operation ON events (run, operation, id);
CREATE INDEX events_by_state ON events (state);
CREATE TRIGGER runs_no_update BEFORE UPDATE ON runs BEGIN SELECT RAISE(ABORT, 'runs is append-only'); END;
CREATE TRIGGER runs_no_delete BEFORE DELETE ON runs BEGIN SELECT RAISE(ABORT, 'runs is append-only'); END;
CREATE TRIGGER run_ends_no_update BEFORE UPDATE ON run_ends BEGIN SELECT RAISE(ABORT, 'run_ends is append-only'); END;
CREATE TRIGGER run_ends_no_delete BEFORE DELETE ON run_ends BEGIN SELECT RAISE(ABORT, 'run_ends is append-only'); END;
CREATE TRIGGER operations_no_update BEFORE UPDATE ON operations BEGIN SELECT RAISE(ABORT, 'operations is append-only'); END;
CREATE TRIGGER operations_no_delete BEFORE DELETE ON operations BEGIN SELECT RAISE(ABORT, 'operations is append-only'); END;
CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events is append-only'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events is append-only'); END;
CREATE TRIGGER lock_breaks_no_update BEFORE UPDATE ON lock_breaks BEGIN SELECT RAISE(ABORT, 'lock_breaks is append-only'); END;
CREATE TRIGGER lock_breaks_no_delete BEFORE DELETE ON lock_breaks BEGIN SELECT RAISE(ABORT, 'lock_breaks is append-only'); END;
DELETE FROM "sqlite_sequence";
COMMIT;
