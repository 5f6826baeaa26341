"""The words of a server that may be shown: those that speak of the matter, and none that is anybody's name."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SHOWN = _words(
    """
    a about above access account accounts acting action active activity add added adding address after again all
    allow allowed already also an and another any api archived are aren argument arguments as ask asked assessment
    assessor assessors assign assigned assigning assignment assignments at authentication authorisation authorised
    authorization authorized available bad be because been before being belong belongs below between body both but
    by call called calls cannot centre change changed changes check choose class classroom closed cohort column
    complete completed conflict connection contact contains could couldn count create created currently customer
    data database date default deleted denied details did didn different disabled do does doesn down duplicate
    during each edit either email empty enabled end ended ending entity entry episode error errors exceeded
    exception exist existing exists expected expired external failed failure false fault field fields file files
    finished first for forbidden form format found from full get given group had has hasn have held here higher hold
    holds how id identifier ids if in inactive incorrect information input inside instead internal into invalid iqa
    is isn it item items its joined json known last later learner learners learning least less level levels like
    limit list locked log login longer lower maintenance make many match matching maximum message method minimum
    missing model more most must name named names necessary need needed needs never new next no nobody none not
    nothing now null number object observer of off old on once one only open operation or organisation organisations
    organization other over own paged parameter parameters parse part password path pending people perform
    permission permissions permitted person placement placements please portfolio possible present previous problem
    process processing property provide provided provider query reached reason receive received record records
    reference refused registered removed repeated request requests required resource response result review reviews
    role roles row rows same saved search second seconds see select send sent server service session sessions set
    several should shouldn since some something specified staff standard standards started state status still string
    submitted such suitable support supported suspended system taken takes template text than that the their them
    then there these they this those through time timed timeout times to token too trainee true try trying twice two
    type unable unauthorised unauthorized unavailable unexpected unique unit units unknown unsuccessful unsupported
    until up update updated upon url use used user users using valid validation value values verifier version was
    wasn when where whether which while who whole whose with within without word words would wouldn write written
    wrong you your
    """
)
"""In small letters. What can be somebody's name as well (will, may, mark, page, read, long …) is not among them."""

NOUNS = _words(
    """
    api assessor classroom customer employer id iqa iv json learner level mis organisation placement role staff
    standard trainee unit url user
    """
)
"""Written with capitals in the middle of a sentence too."""

NAMES_OF_FIELDS = _words(
    """
    assessorid classroomid customerid defaultassessorid defaultemployerid employerid episodename id iqaid ivid
    ivuserid learnerid learnerstatusid level misid organisationid placementid role standardid startdate startedon
    unitid userid
    """
)
"""Of OneFile's API, in small letters."""
