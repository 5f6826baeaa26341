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
INSERT INTO "events" VALUES(1,1,'b331a151f5f0',1.7956141125477740765e+09,'intent','','');
INSERT INTO "events" VALUES(2,1,'618dab0ec835',1.7956141125477740765e+09,'intent','','');
INSERT INTO "events" VALUES(3,1,'88b6e102eb40',1.7956141125477740765e+09,'intent','','');
INSERT INTO "events" VALUES(4,1,'0e15cc888228',1.7956141125477740765e+09,'intent','','');
INSERT INTO "events" VALUES(5,1,'b331a151f5f0',1.79561411255994391442e+09,'sent','','');
INSERT INTO "events" VALUES(6,1,'b331a151f5f0',1.79561411256506204604e+09,'done','','');
INSERT INTO "events" VALUES(7,1,'b331a151f5f0',1.79561411257186388972e+09,'done','OneFile does not show this slot','unreadable');
INSERT INTO "events" VALUES(8,1,'618dab0ec835',1795614112.61707,'sent','','');
INSERT INTO "events" VALUES(9,1,'618dab0ec835',1.79561411262226700786e+09,'done','','');
INSERT INTO "events" VALUES(10,1,'618dab0ec835',1.79561411262859201435e+09,'done','','read_back');
INSERT INTO "events" VALUES(11,1,'88b6e102eb40',1.79561411263174796107e+09,'sent','','');
INSERT INTO "events" VALUES(12,1,'88b6e102eb40',1.79561411263491392132e+09,'done','','');
INSERT INTO "events" VALUES(13,1,'88b6e102eb40',1795614112.63897,'done','','read_back');
INSERT INTO "events" VALUES(14,1,'0e15cc888228',1.79561411264122200012e+09,'sent','','');
INSERT INTO "events" VALUES(15,1,'0e15cc888228',1.79561411264405393602e+09,'done','','');
INSERT INTO "events" VALUES(16,1,'0e15cc888228',1.79561411264789891244e+09,'done','','read_back');
CREATE TABLE facts (
	target TEXT NOT NULL, 
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	PRIMARY KEY (target, name)
);
INSERT INTO "facts" VALUES('sandbox','cohorts:5740','["business-admin-l3-2026"]',1795614112.65009);
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
INSERT INTO "lock_breaks" VALUES(1,1.79561411270194196693e+09,'quality-lead','a trial','sandbox',5740,'quality-lead','desk','apply',1,1.79561411269837093353e+09,1.79561411369837093353e+09);
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
INSERT INTO "operations" VALUES(1,'b331a151f5f0',1,200004,'[["additional", 127733, "unreadable", 127733]]','POST','/User/127733/Assign','{"LearnerID": 200004, "Level": 1}');
INSERT INTO "operations" VALUES(1,'618dab0ec835',2,200004,'[["learning_aim_assessor", 41242, null, 122762]]','POST','/User/122762/Assign','{"LearnerID": 200004, "Level": 3, "StandardID": 41242}');
INSERT INTO "operations" VALUES(1,'88b6e102eb40',3,200004,'[["learning_aim_iqa", 41242, null, 118204]]','POST','/User/118204/Assign','{"LearnerID": 200004, "Level": 3, "StandardID": 41242}');
INSERT INTO "operations" VALUES(1,'0e15cc888228',4,200004,'[["unit_assessor", "KS_COMM1", null, 132757]]','POST','/User/132757/Assign','{"LearnerID": 200004, "Level": 2, "UnitID": "KS_COMM1"}');
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
INSERT INTO "reconciler_schema" VALUES(1,1.79561411236806201937e+09);
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
INSERT INTO "record" VALUES('sandbox',5740,200004,'default_assessor','null',132757,1,1.79561411255146193511e+09);
INSERT INTO "record" VALUES('sandbox',5740,200004,'default_employer','null',139015,1,1.79561411255146193511e+09);
INSERT INTO "record" VALUES('sandbox',5740,200004,'learning_aim_assessor','41240',132757,1,1.79561411255146193511e+09);
INSERT INTO "record" VALUES('sandbox',5740,200004,'learning_aim_iqa','41240',118204,1,1.79561411255146193511e+09);
INSERT INTO "record" VALUES('sandbox',5740,200004,'unit_iqa','"KS_COMM1"',118204,1,1.79561411255146193511e+09);
INSERT INTO "record" VALUES('sandbox',5740,200004,'additional','127733',127733,1,1.79561411256359100344e+09);
INSERT INTO "record" VALUES('sandbox',5740,200004,'learning_aim_assessor','41242',122762,1,1.7956141126210520267e+09);
INSERT INTO "record" VALUES('sandbox',5740,200004,'learning_aim_iqa','41242',118204,1,1.79561411263416695598e+09);
INSERT INTO "record" VALUES('sandbox',5740,200004,'unit_assessor','"KS_COMM1"',132757,1,1795614112.64341);
CREATE TABLE run_ends (
	run INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	exit_code INTEGER NOT NULL, 
	summary JSON NOT NULL, 
	PRIMARY KEY (run), 
	FOREIGN KEY(run) REFERENCES runs (id)
);
INSERT INTO "run_ends" VALUES(1,1.79561411265217399594e+09,0,'{"done": 4}');
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
INSERT INTO "runs" VALUES(1,1.7956141125267729759e+09,'apply','sandbox',5740,'sha256:c9adfa6e254fb048cd2e36858ccd7d09bee031037bce694252a838e9048e0b93','quality-lead','');
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
